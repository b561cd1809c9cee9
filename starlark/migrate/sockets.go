package migrate

import "fmt"

// A socket is a port that something takes, on the machine or in the tracker's
// container.
type socket struct {
	proto string
	port  int
	of    *value // nil = of 0.1.0 itself
	by    string // in words
}

// sockets complains about ports that two things take. 0.1.0 compares address
// and port of listeners and no more; Docker and the tracker refuse the rest
// when everything else is done.
func (f *file) sockets(c *config) {
	f.collide("in the tracker's container", inside(c))
	f.collide("on the machine", outside(c))
}

func (f *file) collide(where string, all []socket) {
	for i, s := range all {
		if s.of == nil {
			continue
		}
		for j, other := range all {
			if s.proto != other.proto || s.port != other.port || j == i || other.of != nil && j > i || f.said(s.of) {
				continue
			}
			f.problem(s.of, "", fmt.Sprintf("%s port %d is taken %s by %s", s.proto, s.port, where, other.by), "")
		}
	}
}

// said reports whether something in a value is wrong already.
func (f *file) said(v *value) bool {
	for _, p := range f.problems {
		if at := f.position(v.to); p.Position.Compare(f.position(v.from)) >= 0 && p.Position.Compare(at) < 0 {
			return true
		}
	}
	return false
}

func (l listener) socket(proto string) socket {
	by := "the health check"
	if l.value != nil {
		by = l.path
	}
	return socket{proto, int(l.bind.Port()), l.value, by}
}

// inside are the sockets of the tracker itself.
func inside(c *config) []socket {
	var all []socket
	for _, l := range c.udp {
		all = append(all, l.socket("udp"))
	}
	for _, l := range c.http {
		all = append(all, l.socket("tcp"))
	}
	return append(all, c.api.socket("tcp"), c.health.socket("tcp"))
}

// outside are the ports that 0.1.0 publishes.
func outside(c *config) []socket {
	all := []socket{{"tcp", c.sshPort.n, nil, "ssh"}}
	if c.behindTLS() {
		all = append(all, socket{"tcp", 80, nil, "the proxy"}, socket{"tcp", 443, nil, "the proxy"}, socket{"udp", 443, nil, "the proxy"})
	}
	if c.scrape != nil {
		all = append(all, socket{"tcp", 9090, nil, "Prometheus"})
	}
	if c.grafana != nil && !c.grafana.tls {
		all = append(all, socket{"tcp", 3000, nil, "Grafana"})
	}
	for _, l := range c.udp {
		all = append(all, l.socket("udp"))
	}
	for _, l := range c.http {
		if !l.tls {
			all = append(all, l.socket("tcp"))
		}
	}
	if !c.api.tls {
		all = append(all, c.api.socket("tcp"))
	}
	return all
}
