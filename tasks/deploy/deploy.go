// Package deploy turns an environment into a graph: one file per kind of
// resource, each with what it asks a machine, how it compares the answer with
// the declaration, and what it does about a difference.
//
// A host has one node of each kind in the table below, as far as it needs
// them; what the environment declares adds the rest:
//
//	provision  vm:HOST
//	configure  system:HOST apt:HOST packages:HOST docker:HOST kernel:HOST
//	           registries:HOST upgrades:HOST stack:HOST firewall:NAME file:NAME
//	release    image:SERVICE config:SERVICE compose:HOST release:HOST
//	run        service:SERVICE backup:NAME
//	test       probe:NAME exposure:HOST
//	task       task:NAME group:NAME
//
// Everything here is pure: kinds return queries and operations, the engine
// carries them. A kind never removes by knowing: what it creates it lists in
// Change.Owned, and a program that knows only that can take it away.
package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// Options are what building a graph needs beside the environment.
type Options struct {
	// ReadFile reads a file of the project by its path relative to the root.
	ReadFile func(path string) ([]byte, error)
	// Run runs an argv of a user's task on the operator's computer, in the
	// project root, with exactly this environment beside PATH and HOME.
	Run RunFunc
	// Probe makes the action of a probe.
	Probe func(environments.Probe) tasks.Action
}

// Graph builds the graph of env.
func Graph(env *environments.Environment, o Options) (*tasks.Graph, error) {
	b := &builder{env: env, options: o, services: map[string][]environments.Service{}}
	if err := b.index(); err != nil {
		return nil, err
	}
	for _, s := range env.Services {
		b.services[s.Host] = append(b.services[s.Host], s)
	}
	for _, h := range env.Hosts {
		b.host(h)
	}
	for _, s := range env.Services {
		b.service(s)
	}
	for _, f := range env.Files {
		b.file(f)
	}
	for _, x := range env.Backups {
		b.backup(x)
	}
	for _, p := range env.Probes {
		b.probe(p)
	}
	b.made, b.nodes = b.outputsOf, slices.Grow(b.nodes, len(env.Tasks)+len(env.Groups))
	nodes, commands := make([]tasks.Node, len(env.Tasks)), make([]command, len(env.Tasks)) // each in one piece
	for i := range env.Tasks {
		b.task(&env.Tasks[i], &nodes[i], &commands[i])
	}
	for _, g := range env.Groups {
		b.group(g)
	}
	b.renames()
	return tasks.NewGraph(b.nodes)
}

// A builder collects the nodes of one environment.
type builder struct {
	env      *environments.Environment
	options  Options
	services map[string][]environments.Service // by host: every node of a host asks for them
	tasks    map[string]*environments.Task     // by name
	makers   map[string]string                 // name of a task by what it makes on the operator's computer
	made     func(task string) []string        // outputsOf, which every command holds
	nodes    []*tasks.Node
}

// index notes what tasks make. Two that make the same, or one something inside
// of what another makes, would undo each other's work in every run.
func (b *builder) index() error {
	b.tasks = make(map[string]*environments.Task, len(b.env.Tasks))
	b.makers = make(map[string]string, len(b.env.Tasks))
	for i := range b.env.Tasks {
		t := &b.env.Tasks[i]
		b.tasks[t.Name] = t
		if t.Host != "" {
			continue
		}
		for _, out := range t.Outputs {
			out = path.Clean(out)
			if first, ok := b.makers[out]; ok && first != t.Name {
				return fmt.Errorf("%s: task %q: output %q is made by task %q as well", t.Position, t.Name, out, first)
			}
			b.makers[out] = t.Name
		}
	}
	for i := range b.env.Tasks {
		t := &b.env.Tasks[i]
		for _, out := range t.Outputs {
			outer := b.makerOf(path.Dir(path.Clean(out)))
			if t.Host == "" && outer != "" && outer != t.Name {
				return fmt.Errorf("%s: task %q: output %q is inside of what task %q makes", t.Position, t.Name, out, outer)
			}
		}
	}
	return nil
}

// add appends a node with edges to the nodes called needs; "" is nothing.
func (b *builder) add(n *tasks.Node, needs ...string) {
	for _, id := range needs {
		if id == "" {
			continue
		}
		n.Edges = append(n.Edges, tasks.Edge{To: id, Field: "host", Position: n.Position})
	}
	b.nodes = append(b.nodes, n)
}

// host adds the nodes that every machine has, and those of one that has a
// firewall or runs containers. A machine with neither is left alone but for
// its files: nothing of ours listens there, and it may be any Linux.
func (b *builder) host(h environments.Host) {
	name := h.Name
	node := func(kind string, r tasks.Resource, needs ...string) {
		b.add(&tasks.Node{
			ID: kind + ":" + name, Stage: tasks.StageConfigure, Host: name, Position: h.Position, Resource: r,
		}, needs...)
	}
	services := b.servicesOf(name)
	b.add(&tasks.Node{ID: "vm:" + name, Stage: tasks.StageProvision, Position: h.Position, Machine: &h})
	node("system", machineCheck{containers: len(services) > 0}, "vm:"+name)
	if h.AptMirror != "" {
		node("apt", aptMirror(h.AptMirror), "system:"+name)
	}
	if names := b.packagesOf(h); len(names) > 0 {
		source := "system:" + name
		if h.AptMirror != "" {
			source = "apt:" + name
		}
		node("packages", packages{names: names}, source)
	}
	if b.guarded(name) {
		b.firewall(h)
	}
	if len(services) == 0 {
		return
	}
	node("upgrades", upgrades(), "packages:"+name)
	node("kernel", kernel(), "system:"+name)
	node("stack", stack(), "system:"+name)
	b.registries(h)
	node("docker", docker{mirrors: h.RegistryMirrors}, "packages:"+name, b.guardOf(name))
	b.compose(h, services)
}

// base returns the id of the node that files and tasks on a host need: its
// packages, which may bring the users that own them.
func (b *builder) base(host string) string {
	if h, ok := b.env.Host(host); ok && len(b.packagesOf(h)) > 0 {
		return "packages:" + host
	}
	return "system:" + host
}

// servicesOf returns the services of a host in the order of the file, to be
// read only.
func (b *builder) servicesOf(host string) []environments.Service { return b.services[host] }

// project is the name of the compose project of the environment.
func (b *builder) project() string { return b.env.Name }

// refs adds an edge for every node that values refer to.
func refs(n *tasks.Node, values ...environments.Value) {
	for _, v := range values {
		for leaf := range v.Leaves() {
			known := slices.ContainsFunc(n.Edges, func(e tasks.Edge) bool { return e.To == leaf.Node })
			if leaf.Kind == environments.Ref && !known {
				n.Edges = append(n.Edges, tasks.Edge{To: leaf.Node, Field: leaf.Attribute, Position: leaf.Position})
			}
		}
	}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Ports returns what a host has to let through from outside beside ssh, by
// protocol: what its firewall opens.
func Ports(env *environments.Environment, host string) map[string][]int {
	ports := map[string][]int{}
	for _, f := range env.Firewalls {
		if f.Host != host {
			continue
		}
		for _, r := range f.Allow {
			if !slices.Contains(ports[r.Proto], r.Port) {
				ports[r.Proto] = append(ports[r.Proto], r.Port)
			}
		}
	}
	return ports
}

// pathIn returns the path of name below directory; name may begin with a slash.
func pathIn(directory, name string) string {
	return directory + "/" + strings.TrimPrefix(name, "/")
}
