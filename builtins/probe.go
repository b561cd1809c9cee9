package builtins

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func probe() Builtin {
	none := starlark.None
	return Builtin{
		Name:    "probe",
		Doc:     "Asks a running service something when `test` runs. Exactly one of udp_tracker, http_tracker, http and tcp says what.",
		Example: `probe(name = "site", host = web, http = fmt("http://{}:{}/", web.ipv4, web.port(80)), expect = {"status": 200})`,
		kind:    "probe",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"site"`, Doc: "Unique among the probes."},
			{Name: "host", to: host(), Example: "web", Doc: "The machine that is asked."},
			{Name: "udp_tracker", to: optional(target("udp_tracker")), preset: none, Example: `fmt("udp://{}:{}", web.ipv4, web.port(6969))`, Doc: "URL or endpoint: connect, announce and scrape over UDP."},
			{Name: "http_tracker", to: optional(target("http_tracker")), preset: none, Example: `fmt("http://{}:{}/announce", web.ipv4, web.port(7070))`, Doc: "URL or endpoint: announce and scrape over HTTP."},
			{Name: "http", to: optional(target("http")), preset: none, Example: `"http://127.0.0.1:1313/health_check"`, Doc: "URL or endpoint that is fetched."},
			{Name: "tcp", to: optional(target("tcp")), preset: none, Example: `fmt("{}:{}", web.ipv4, web.port(80))`, Doc: "host:port or endpoint that is connected to."},
			{Name: "expect", to: expectation(), preset: starlark.NewDict(0), Example: `{"status": 200, "json": {"status": "Ok"}}`, Doc: "What must be seen: status (a number), body (a part of it), json (dotted path to value), silent (True: no answer)."},
			{Name: "timeout", to: duration(shortest), preset: starlark.String("30s"), Unit: "ms, s, m", Example: `"5s"`, Doc: "How long it is tried."},
			{Name: "inside", to: boolean(), preset: starlark.False, Example: "True", Doc: "Whether to connect from the machine itself, through ssh, rather than from outside."},
		},
		make: makeProbe,
	}
}

// A target converts differently inside and outside, so an endpoint is kept
// until both are known.
type probeTarget struct {
	value    environments.Value
	endpoint *Endpoint
}

var probeSchemes = map[string]struct{ prefix, scheme, path string }{
	"udp_tracker":  {"udp://", "udp", ""},
	"http_tracker": {"http", "http", "/announce"},
	"http":         {"http", "http", "/"},
	"tcp":          {"", "", ""},
}

func target(kind string) converter {
	return converter{"deferred text or endpoint", func(v starlark.Value) (any, error) {
		if h, ok := v.(*Handle); ok {
			if e, ok := h.payload.(Endpoint); ok {
				return probeTarget{endpoint: &e}, nil
			}
		}
		x, err := toValue(v, "text or endpoint")
		if err != nil {
			return nil, err
		}
		t := x.(environments.Value)
		first := t
		if len(t.Parts) > 0 {
			first = t.Parts[0]
		}
		prefix := probeSchemes[kind].prefix
		if first.Kind == environments.Literal && !strings.HasPrefix(first.Text, prefix) {
			return nil, misfitf("%s does not start with %s", quote(first.Text), strings.TrimSuffix(prefix, "://")+"://")
		}
		return probeTarget{value: t}, nil
	}}
}

func makeProbe(c *call) starlark.Value {
	p := environments.Probe{
		Declared: c.declare(), Host: get[string](c, "host"), Inside: get[bool](c, "inside"),
		Expect: get[environments.Expect](c, "expect"), Timeout: get[int64](c, "timeout"),
	}
	places := []struct {
		name string
		to   **environments.Value
	}{{"udp_tracker", &p.UDPTracker}, {"http_tracker", &p.HTTPTracker}, {"http", &p.HTTP}, {"tcp", &p.TCP}}
	seen := ""
	for _, place := range places {
		t, ok := c.values[c.builtin.index(place.name)].(probeTarget)
		if !ok {
			continue
		}
		if seen != "" {
			c.problem(place.name, fmt.Sprintf("%s and %s are both given", seen, place.name), "a probe asks one thing")
			return nil
		}
		seen = place.name
		v := t.resolve(place.name, p.Inside)
		*place.to = &v
	}
	if seen == "" {
		c.problem("", "none of udp_tracker, http_tracker, http and tcp is given", "")
		return nil
	}
	if seen != "http" && (p.Expect.Status != 0 || p.Expect.Body != "" || p.Expect.JSON != nil) {
		c.problem("expect", "expect: status, body and json are for http only", `{"silent": True} is for all`)
		return nil
	}
	c.Environment.Probes = append(c.Environment.Probes, p)
	return &Handle{kind: "probe", name: p.Name, node: "probe:" + p.Name, host: p.Host, attributes: []attribute{{"name", starlark.String(p.Name)}}}
}

func (t probeTarget) resolve(kind string, inside bool) environments.Value {
	s := probeSchemes[kind]
	switch {
	case t.endpoint == nil:
		return t.value
	case kind != "tcp":
		return t.endpoint.URL(s.scheme, s.path, inside)
	case inside:
		return t.endpoint.inside
	default:
		return t.endpoint.address
	}
}

var expectKeys = []string{"status", "body", "json", "silent"}

func expectation() converter {
	status, body, silent := integer(100, 599), filled(), boolean()
	json := dictOf[environments.Value](filled(), scalar())
	return converter{"dict of status, body, json, silent", func(v starlark.Value) (any, error) {
		d, ok := v.(*starlark.Dict)
		if !ok {
			return nil, want(v, "dict")
		}
		var e environments.Expect
		for i, item := range d.Items() {
			key, ok := item[0].(starlark.String)
			if !ok {
				return nil, inside(want(item[0], "a string as key"), step{text: "[key]", index: i, key: true})
			}
			var x any
			var err error
			switch key {
			case "status":
				if x, err = status.convert(item[1]); err == nil {
					e.Status = x.(int)
				}
			case "body":
				if x, err = body.convert(item[1]); err == nil {
					e.Body = x.(string)
				}
			case "json":
				if x, err = json.convert(item[1]); err == nil {
					e.JSON = named(x.([]keyed[environments.Value]))
				}
			case "silent":
				if x, err = silent.convert(item[1]); err == nil {
					e.Silent = x.(bool)
				}
			default:
				return nil, inside(misfitf("unknown key%s", meant(string(key), expectKeys)), step{text: fmt.Sprintf("[%q]", string(key)), index: i, key: true})
			}
			if err != nil {
				return nil, inside(err, entry(i, string(key)))
			}
		}
		return e, nil
	}}
}
