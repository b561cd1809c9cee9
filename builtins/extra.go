package builtins

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
)

// ownKeys are the compose keys that have a parameter, and what it is called.
var ownKeys = map[string]string{
	"image": "image", "command": "command", "environment": "environment", "ports": "ports",
	"networks": "networks", "sysctls": "sysctls", "depends_on": "depends_on", "healthcheck": "healthcheck",
	"mem_limit": "memory", "cpus": "cpus", "pids_limit": "pids", "cap_drop": "cap_drop", "cap_add": "cap_add",
	"read_only": "read_only", "user": "user", "stop_grace_period": "stop_grace_period", "restart": "restart",
	"container_name": "name",
}

// unfit are the compose keys that a service may not have here: why, and what
// to do instead.
var unfit = map[string][2]string{
	"build":        {"images are pulled, not built on a machine", "build it elsewhere, push it and name it in image"},
	"configs":      {"what it names would have to be declared in a compose file of your own", "use files"},
	"deploy":       {"a service is one container of one machine", "use memory, cpus, pids and restart"},
	"develop":      {"there is no source on a machine", "use files and reload"},
	"env_file":     {"the file would have to be on the machine", "use environment, or files where the image reads one"},
	"extends":      {"there is no other compose file on a machine", "a function in Starlark returns what several services share"},
	"label_file":   {"the file would have to be on the machine", "use labels"},
	"profiles":     {"the service would not be started", "leave the call out where it is not wanted, by a param(…)"},
	"provider":     {"what provides it would have to be on the machine", ""},
	"pull_policy":  {"images are pulled before a release and pinned", "name another tag, or a digest"},
	"scale":        {"a service is one container of one machine", "declare more services"},
	"secrets":      {"what it names would have to be declared in a compose file of your own", "use files: one with a secret in it has mode 0600"},
	"volumes_from": {"volumes are shared by their names", "name the same data in both services"},
}

// ownLabels begins the labels that a container is recognized by.
const ownLabels = "org.torrust.deployer."

// checkExtra refuses keys of extra that something else says already, that make
// no sense on one machine, or that would undo what another parameter promises.
// What compose itself has no use for is found when its file is checked.
func (c *call) checkExtra(s environments.Service) {
	for i, p := range *s.Extra.Map {
		wrong := func(message, hint string) {
			c.place("extra", (&misfit{message: fmt.Sprintf("%q: %s", p.Key, message), hint: hint}).at(step{index: i, key: true}))
		}
		if own, ok := ownKeys[p.Key]; ok {
			c.place("extra", &misfit{message: fmt.Sprintf("%q has a parameter of its own", p.Key), hint: "use " + own, path: []step{{index: i, key: true}}})
			continue
		}
		if why, ok := unfit[p.Key]; ok {
			wrong(why[0], why[1])
			continue
		}
		v := environments.Value{Kind: environments.Encode, Format: "json", Data: &p.Value}
		if v.Secret() {
			wrong("a secret may not be here: docker inspect shows it", "use files: one with a secret in it has mode 0600")
			continue
		}
		switch p.Key {
		case "network_mode":
			ownNetwork(s, p.Value, wrong)
		case "privileged":
			if p.Value.Bool != nil && *p.Value.Bool && len(s.CapDrop) > 0 {
				wrong("a privileged container keeps every capability, so that cap_drop means nothing", "leave one of them out")
			}
		case "labels":
			ownLabel(p.Value, wrong)
		case "volumes":
			volumes(s, p.Value, wrong)
		}
	}
}

// ownNetwork refuses what cannot go with a network that is not the
// container's own.
func ownNetwork(s environments.Service, v environments.Data, wrong func(message, hint string)) {
	mode := plainText(v)
	if mode == "bridge" || mode == "" {
		return
	}
	switch {
	case len(s.Networks) > 0:
		wrong(fmt.Sprintf("with %q the container is in no network", mode), "leave networks out")
	case len(s.Ports) > 0:
		wrong(fmt.Sprintf("with %q no port is published", mode), "leave ports out; the firewall opens what is to be reached")
	case mode == "host" && slices.ContainsFunc(s.Sysctls, func(n environments.NamedValue) bool { return strings.HasPrefix(n.Name, "net.") }):
		wrong("docker refuses sysctls of the network in that of the machine", "leave the net.* of sysctls out")
	}
}

// ownLabel refuses labels that are not a dict, and those of this program.
func ownLabel(v environments.Data, wrong func(message, hint string)) {
	if v.Map == nil {
		wrong("labels are a dict here", `{"com.example.team": "ops"}`)
		return
	}
	for _, l := range *v.Map {
		if strings.HasPrefix(l.Key, ownLabels) || strings.HasPrefix(l.Key, "com.docker.compose.") {
			wrong(fmt.Sprintf("label %q is what containers are recognized by", l.Key), "choose another name")
		}
	}
}

// volumes takes directories and files of the machine and tmpfs, as compose
// writes them: what is kept by name is data.
func volumes(s environments.Service, v environments.Data, wrong func(message, hint string)) {
	const form = `for example ["/proc:/host/proc:ro"] or [{"type": "bind", "source": "/proc", "target": "/host/proc", "read_only": True}]`
	if v.List == nil {
		wrong("volumes are a list", form)
		return
	}
	for _, e := range *v.List {
		source, target, kind := mountOf(e)
		switch {
		case kind != "bind" && kind != "tmpfs" || target == "" || kind == "bind" && !path.IsAbs(source):
			wrong("a volume is a path of the machine, or a tmpfs", "use data for what is kept by a name; "+form)
		case slices.ContainsFunc(s.Files, func(m environments.Mount) bool { return m.Path == target }),
			slices.ContainsFunc(s.Data, func(m environments.DataMount) bool { return m.Path == target }):
			wrong(fmt.Sprintf("%s is in files or data already", target), "")
		}
	}
}

// mountOf reads a volume in either form of compose.
func mountOf(e environments.Data) (source, target, kind string) {
	if e.Map == nil {
		source, target, _ = strings.Cut(plainText(e), ":")
		target, _, _ = strings.Cut(target, ":")
		return source, target, "bind"
	}
	for _, p := range *e.Map {
		switch p.Key {
		case "source":
			source = plainText(p.Value)
		case "target":
			target = plainText(p.Value)
		case "type":
			kind = plainText(p.Value)
		}
	}
	return source, target, kind
}

// plainText returns text that is known now, "" for anything else.
func plainText(d environments.Data) string {
	if d.Text == nil {
		return ""
	}
	s, _ := d.Text.Static()
	return s
}
