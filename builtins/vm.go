package builtins

import (
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func vm() Builtin {
	return Builtin{
		Name:    "vm",
		Doc:     "A machine. Its handle has .name, .ipv4, .ipv6 and .port(n), the port on the operator's side that leads to port n of the machine.",
		Example: `web = vm(name = "web", provider = existing(address = "203.0.113.7", user = "admin"))`,
		kind:    "vm",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"web"`, Doc: "Unique among the machines of the environment."},
			{Name: "provider", to: payload[environments.Provider]("qemu(…), existing(…), hetzner(…) or simulated(…)"), Example: `existing(address = "203.0.113.7", user = "admin")`,
				Doc: "Where the machine comes from: qemu(…), existing(…), hetzner(…) or simulated(…)."},
			{Name: "user", to: login(), preset: starlark.String("torrust"), Example: `"admin"`,
				Doc: "Login over ssh; made where it is missing. With existing(…) its user is meant."},
			{Name: "ssh_port", to: port(), preset: starlark.MakeInt(22), Example: "2222",
				Doc: "Where sshd listens on the machine. With existing(…) its port is meant."},
			{Name: "labels", to: dictOf[string](labelKey(), text()), preset: starlark.NewDict(0), Example: `{"stage": "production"}`,
				Doc: "Put on the machine where the provider has labels."},
			{Name: "registry_mirrors", to: listOf[string](webURL()), preset: starlark.NewList(nil), Example: `["https://mirror.example.com"]`,
				Doc: "Mirrors of Docker Hub that the machine's daemon asks first."},
			{Name: "apt_mirror", to: checked(text(), "string", control), preset: starlark.String(""), Example: `"https://deb.example.com/debian"`,
				Doc: "Where packages come from: a URL or one line of sources.list; empty leaves the machine's own."},
			{Name: "packages", to: listOf[string](matching("package name", `[a-z0-9][a-z0-9+.-]+`, "a package name")), preset: starlark.NewList(nil), Example: `["htop"]`,
				Doc: "Installed beside what the program needs itself."},
			{Name: "registry_credentials", to: dictOf[environments.Login](registryName(), payload[environments.Login]("registry_login(…)")), preset: starlark.NewDict(0),
				Example: `{"ghcr.io": registry_login("ops-bot", secret("GHCR_TOKEN"))}`, Doc: "How images are pulled that not everybody may have: registry to login; Docker Hub is docker.io."},
		},
		make: makeVM,
	}
}

func login() converter {
	return matching("user name", `[a-z_][a-z0-9_-]{0,31}`, "a user name")
}

func labelKey() converter {
	return matching("label", `[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?`, "a label's name")
}

func webURL() converter {
	return matching("URL", `https?://[^\s"'\\]+`, "an http or https URL")
}

func makeVM(c *call) starlark.Value {
	h := environments.Host{
		Declared: c.declare(), Provider: get[environments.Provider](c, "provider"),
		User: get[string](c, "user"), SSHPort: get[int](c, "ssh_port"),
		RegistryMirrors: get[[]string](c, "registry_mirrors"), AptMirror: get[string](c, "apt_mirror"),
		Packages: get[[]string](c, "packages"),
	}
	for _, l := range get[[]keyed[string]](c, "labels") {
		if h.Labels == nil {
			h.Labels = map[string]string{}
		}
		h.Labels[l.key] = l.value
	}
	for _, r := range get[[]keyed[environments.Login]](c, "registry_credentials") {
		h.Registries = append(h.Registries, environments.Registry{Name: r.key, Login: r.value})
	}
	slices.SortFunc(h.Registries, func(a, b environments.Registry) int { return strings.Compare(a.Name, b.Name) })
	if e := h.Provider.Existing; e != nil {
		for _, own := range []string{"user", "ssh_port"} {
			if c.isGiven(own) {
				c.problem(own, own+": existing(…) says it already", "give user and port to existing(…) only")
			}
		}
		h.User, h.SSHPort = e.User, e.Port
	}
	if c.bad {
		return nil
	}
	c.Environment.Hosts = append(c.Environment.Hosts, h)
	return c.machine(h.Name, h.Provider.Architecture())
}

// machine returns the handle of the machine called name; architecture is ""
// where it is not known yet.
func (c *call) machine(name, architecture string) *Handle {
	node := "vm:" + name
	return &Handle{kind: "vm", name: name, node: node, attributes: []attribute{
		{"name", starlark.String(name)},
		{"ipv4", c.ref(node, "ipv4")},
		{"ipv6", c.ref(node, "ipv6")},
		{"port", c.portMethod(node)},
		{"architecture", starlark.String(architecture)},
	}}
}

// portMethod returns .port(n) of a machine.
func (c *call) portMethod(node string) *starlark.Builtin {
	return starlark.NewBuiltin("port", func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var n starlark.Value
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n", &n); err != nil {
			return nil, err
		}
		p, err := port().convert(n)
		if err == errInvalid {
			return Invalid{}, nil
		} else if err != nil {
			return nil, &Misuse{message: "port: " + err.Error()}
		}
		at, _ := where(thread)
		return c.refAt(node, "port:"+strconv.Itoa(p.(int)), at), nil
	})
}
