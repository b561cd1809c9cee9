package builtins

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func composeService() Builtin {
	empty := starlark.NewList(nil)
	return Builtin{
		Name: "compose_service",
		Doc:  "A container that compose keeps running on a machine. Its handle has .name and .endpoint(port).",
		Example: `compose_service(
    name = "cache", host = web, image = "redis:7.4.1",
    healthcheck = healthcheck(["redis-cli", "ping"]),
)`,
		kind:  "service",
		later: nil,
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"cache"`, Doc: "Unique among the services; other containers of the host reach it by this name."},
			{Name: "host", to: host(), Example: "web", Doc: "The machine it runs on."},
			{Name: "image", to: imageName(), Example: `"redis:7.4.1"`, Doc: "Reference of the image, Docker Hub by default. The tag is resolved at release and pinned."},
			{Name: "healthcheck", to: payload[environments.Health]("healthcheck(…)"), Example: `healthcheck(["redis-cli", "ping"])`, Doc: "How the container is found healthy."},
			{Name: "command", to: optional(argv(public("every user of the machine sees the arguments of a process"))), preset: starlark.None, Example: `["redis-server", "--save", ""]`, Doc: "Replaces the image's command; None keeps it."},
			{Name: "environment", to: dictOf[environments.Value](variable(), scalar()), preset: starlark.NewDict(0), Example: `{"TZ": "Etc/UTC"}`, Doc: "Environment variables of the container."},
			{Name: "ports", to: listOf[environments.Publish](payload[environments.Publish]("publish(…)")), preset: empty, Example: `[publish(6379, address = "127.0.0.1")]`, Doc: "Ports of the container that the machine publishes."},
			{Name: "files", to: dictOf[environments.Mount](absolute(), mountable()), preset: starlark.NewDict(0), Example: `{"/etc/app.toml": toml.encode({"debug": False})}`, Doc: "Files in the container, read-only: its path to text, a config_file or mount(…)."},
			{Name: "data", to: dictOf[environments.DataMount](absolute(), storable()), preset: starlark.NewDict(0), Example: `{"/data": "cache"}`, Doc: "Directories that outlive the container: its path to a name on the machine or volume(…)."},
			{Name: "networks", to: listOf[string](name()), preset: empty, Example: `["backend"]`, Doc: "Networks beside the environment's own."},
			{Name: "sysctls", to: dictOf[environments.Value](sysctlKey(), scalar()), preset: starlark.NewDict(0), Example: `{"net.ipv6.bindv6only": 1}`, Doc: "Kernel parameters of the container's namespace."},
			{Name: "depends_on", to: listOf[string](serviceName()), preset: empty, Example: `["database"]`, Doc: "Services, by handle or name, that must be healthy before this one starts."},
			{Name: "reload", to: optional(words()), preset: starlark.None, Example: `["nginx", "-s", "reload"]`, Doc: "Command run in the container when only files changed; None recreates the container."},
			{Name: "memory", to: optional(spelled(size(4 << 20))), preset: starlark.None, Unit: "KiB, MiB, GiB", Example: `"512MiB"`, Doc: "Most memory the container may use."},
			{Name: "cpus", to: optional(matchingNumber()), preset: starlark.None, Unit: "cores", Example: `"1.5"`, Doc: "Most processor time the container may use."},
			{Name: "pids", to: optional(integer(1, 1<<22)), preset: starlark.None, Unit: "processes", Example: "200", Doc: "Most processes the container may have."},
			{Name: "cap_drop", to: listOf[string](capability()), preset: empty, Example: `["ALL"]`, Doc: "Capabilities taken away."},
			{Name: "cap_add", to: listOf[string](capability()), preset: empty, Example: `["NET_BIND_SERVICE"]`, Doc: "Capabilities added."},
			{Name: "read_only", to: boolean(), preset: starlark.False, Example: "True", Doc: "Whether the container's own file system is read-only."},
			{Name: "user", to: optional(matching("user", `[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?`, "a user or user:group")), preset: starlark.None, Example: `"1000:1000"`, Doc: "Whom the container runs as; None is the image's own."},
			{Name: "stop_grace_period", to: optional(spelled(duration(0))), preset: starlark.None, Unit: "ms, s, m", Example: `"30s"`, Doc: "Time between the stop signal and the kill."},
			{Name: "restart", to: choice("unless-stopped", "always", "on-failure", "no"), preset: starlark.String("unless-stopped"), Example: `"always"`, Doc: "When the daemon starts the container again."},
			{Name: "web", to: optional(port()), preset: starlark.None, Unit: "port", Example: "9090", Doc: "Port of the container that `open` leads to; None is the first that is published over tcp."},
			{Name: "extra", to: dictionary(), preset: starlark.NewDict(0), Example: `{"shm_size": "128m"}`, Doc: "Any other key of a compose service that makes sense on one machine; volumes are paths of the machine and come beside files and data."},
		},
		make: makeService,
	}
}

func makeService(c *call) starlark.Value {
	s := environments.Service{
		Declared: c.declare(), Host: get[string](c, "host"), Image: get[string](c, "image"),
		Command:     get[[]environments.Value](c, "command"),
		Environment: named(get[[]keyed[environments.Value]](c, "environment")),
		Ports:       get[[]environments.Publish](c, "ports"), Networks: get[[]string](c, "networks"),
		Sysctls:   named(get[[]keyed[environments.Value]](c, "sysctls")),
		DependsOn: get[[]string](c, "depends_on"), Health: get[environments.Health](c, "healthcheck"),
		Reload: get[[]string](c, "reload"), Memory: get[string](c, "memory"), CPUs: get[string](c, "cpus"),
		PIDs: get[int](c, "pids"), CapDrop: get[[]string](c, "cap_drop"), CapAdd: get[[]string](c, "cap_add"),
		ReadOnly: get[bool](c, "read_only"), User: get[string](c, "user"),
		StopGracePeriod: get[string](c, "stop_grace_period"), Restart: get[string](c, "restart"), Web: get[int](c, "web"),
	}
	for _, m := range get[[]keyed[environments.Mount]](c, "files") {
		m.value.Path = m.key
		s.Files = append(s.Files, m.value)
	}
	for _, d := range get[[]keyed[environments.DataMount]](c, "data") {
		d.value.Path = d.key
		s.Data = append(s.Data, d.value)
	}
	sortEntries(&s)
	if extra := get[environments.Data](c, "extra"); len(*extra.Map) > 0 {
		s.Extra = &extra
		c.checkExtra(s)
	}
	if c.bad {
		return nil
	}
	c.Environment.Services = append(c.Environment.Services, s)
	return c.serviceHandle(s)
}

// sortEntries gives what has no order in a container the same one always:
// another order of a dict in the file is no other service.
func sortEntries(s *environments.Service) {
	byName := func(a, b environments.NamedValue) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(s.Environment, byName)
	slices.SortFunc(s.Sysctls, byName)
	slices.SortFunc(s.Files, func(a, b environments.Mount) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(s.Data, func(a, b environments.DataMount) int { return strings.Compare(a.Path, b.Path) })
}

func named(entries []keyed[environments.Value]) []environments.NamedValue {
	var list []environments.NamedValue
	for _, e := range entries {
		list = append(list, environments.NamedValue{Name: e.key, Value: e.value})
	}
	return list
}

var imageRE = regexp.MustCompile(`^[a-z0-9]+([._:/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)

func imageName() converter {
	return checked(text(), "image reference", func(s string) error {
		if !imageRE.MatchString(s) {
			return misfitf("%s is not an image reference", quote(s)).withHint(`such as "torrust/tracker:3.0.0"`)
		}
		return nil
	})
}

func variable() converter {
	return matching("variable name", `[A-Za-z_][A-Za-z0-9_]*`, "a variable name")
}

func sysctlKey() converter {
	return matching("sysctl", `[a-z0-9_]+(\.[A-Za-z0-9_-]+)+`, "a kernel parameter")
}

func capability() converter { return matching("capability", `(CAP_)?[A-Z_]+`, "a capability") }

func matchingNumber() converter {
	re := matching("number", `[0-9]*\.?[0-9]+`, "a number of cores")
	return converter{"number", func(v starlark.Value) (any, error) {
		switch v.(type) {
		case starlark.Int, starlark.Float:
			v = starlark.String(v.String())
		}
		s, err := re.convert(v)
		if err == nil && strings.Trim(s.(string), "0.") == "" {
			return nil, misfitf("must be more than 0")
		}
		return s, err
	}}
}

// serviceName takes a service by its handle or by its name.
func serviceName() converter {
	byName := name()
	return converter{"service or name", func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok && h.kind == "compose_service" {
			return h.name, nil
		}
		if _, ok := v.(starlark.String); ok {
			return byName.convert(v)
		}
		return nil, want(v, "a service or its name")
	}}
}

// serviceHandle returns the handle of s.
func (c *call) serviceHandle(s environments.Service) *Handle {
	h := &Handle{kind: "compose_service", name: s.Name, node: "service:" + s.Name, host: s.Host, payload: s}
	ports := slices.Clone(s.Ports)
	endpoint := starlark.NewBuiltin("endpoint", func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var n starlark.Value
		forwarded := false
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "port", &n, "forwarded?", &forwarded); err != nil {
			return nil, err
		}
		p, err := port().convert(n)
		if err == errInvalid {
			return Invalid{}, nil
		} else if err != nil {
			return nil, &Misuse{message: "endpoint: port: " + err.Error()}
		}
		at, _ := where(thread)
		return c.endpoint(h, p.(int), forwarded, ports, at), nil
	})
	h.attributes = []attribute{{"name", starlark.String(s.Name)}, {"endpoint", endpoint}}
	return h
}

// shortest interval of anything that is polled.
const shortest = 100 * time.Millisecond
