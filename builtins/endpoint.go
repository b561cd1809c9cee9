package builtins

import (
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

// An Endpoint is a port of a service: what .endpoint(port) carries.
type Endpoint struct {
	Service string
	Host    string
	Port    int // of the container, and on the machine where it is published

	forwarded bool // the service takes the client's address from X-Forwarded-For

	address environments.Value
	inside  environments.Value
}

// endpoint returns a handle with .host and .port as the operator reaches
// them, .address ("host:port"), .internal ("service:port", for other
// containers of the machine) and .url(scheme, path, inside).
func (c *call) endpoint(service *Handle, port int, forwarded bool, ports []environments.Publish, at environments.Position) *Handle {
	node := "vm:" + service.host
	ip := c.refAt(node, "ipv4", at)
	outer := c.refAt(node, "port:"+strconv.Itoa(port), at)
	local := "127.0.0.1"
	for _, p := range ports {
		if p.Port == port && p.Address != "" {
			local = p.Address
		}
	}
	if strings.Contains(local, ":") {
		local = "[" + local + "]"
	}
	e := Endpoint{
		Service: service.name, Host: service.host, Port: port, forwarded: forwarded,
		address: environments.Join(ip.value, environments.Text(":"), outer.value),
		inside:  environments.Text(fmt.Sprintf("%s:%d", local, port)),
	}
	h := valueHandle("endpoint", e)
	h.name = fmt.Sprintf("%s:%d", service.name, port)
	h.attributes = []attribute{
		{"host", ip}, {"port", outer}, {"address", c.deferred(e.address)},
		{"internal", starlark.String(h.name)},
		{"url", c.urlMethod(e)},
	}
	return h
}

// URL returns the address of e as a URL, from outside or from the machine
// itself.
func (e Endpoint) URL(scheme, path string, inside bool) environments.Value {
	address := e.address
	if inside {
		address = e.inside
	}
	if path != "" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return environments.Join(environments.Text(scheme+"://"), address, environments.Text(path))
}

func (c *call) urlMethod(e Endpoint) *starlark.Builtin {
	ev := c.Evaluation
	return starlark.NewBuiltin("url", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		scheme, path, inside := "http", "", false
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "scheme?", &scheme, "path?", &path, "inside?", &inside); err != nil {
			return nil, err
		}
		return ev.deferred(e.URL(scheme, path, inside)), nil
	})
}
