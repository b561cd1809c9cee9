package lint

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
)

// unpinnedImage finds images that are another one tomorrow.
func unpinnedImage(c *checker, e *environments.Environment) {
	for _, s := range e.Services {
		_, tag, tagged := strings.Cut(s.Image[strings.LastIndexByte(s.Image, '/')+1:], ":")
		switch {
		case strings.Contains(s.Image, "@"):
		case !tagged:
			c.declared(s.Declared, "image", fmt.Sprintf("compose_service %q: image %q has no tag, which means latest", s.Name, s.Image), "name a version: "+s.Image+":1.2.3")
		case tag == "latest":
			c.declared(s.Declared, "image", fmt.Sprintf("compose_service %q: image %q is whatever is latest", s.Name, s.Image), "name a version")
		}
	}
}

// closedPort finds ports that a machine publishes and its firewall drops.
func closedPort(c *checker, e *environments.Environment) {
	for _, s := range e.Services {
		for _, p := range s.Ports {
			if loopback(p.Address) || opened(e, s.Host, p) {
				continue
			}
			c.declared(s.Declared, "ports", fmt.Sprintf("compose_service %q publishes port %d/%s, and %s", s.Name, p.Port, p.Proto, refusal(e, s.Host)),
				fmt.Sprintf(`add %s(%d) to the firewall, or publish it for the machine alone: address = "127.0.0.1"`, p.Proto, p.Port),
				"publish", strconv.Itoa(p.Port))
		}
	}
}

func refusal(e *environments.Environment, host string) string {
	for _, f := range e.Firewalls {
		if f.Host == host {
			return fmt.Sprintf("firewall %q does not open it", f.Name)
		}
	}
	return fmt.Sprintf("vm %q has no firewall that opens it", host)
}

func opened(e *environments.Environment, host string, p environments.Publish) bool {
	for _, f := range e.Firewalls {
		for _, r := range f.Allow {
			if f.Host == host && r.Proto == p.Proto && r.Port == p.Port {
				return true
			}
		}
	}
	return false
}

// idlePort finds ports that a firewall opens and no service publishes.
func idlePort(c *checker, e *environments.Environment) {
	for _, f := range e.Firewalls {
		for _, r := range f.Allow {
			if served(e, f.Host, r) {
				continue
			}
			c.declared(f.Declared, "allow", fmt.Sprintf("firewall %q opens port %d/%s, and nothing publishes it", f.Name, r.Port, r.Proto),
				fmt.Sprintf("leave %s(%d) out", r.Proto, r.Port), r.Proto, strconv.Itoa(r.Port))
		}
	}
}

func served(e *environments.Environment, host string, r environments.Rule) bool {
	if h, ok := e.Host(host); ok && r.Proto == "tcp" && r.Port == h.SSHPort {
		return true
	}
	for _, s := range e.Services {
		for _, p := range s.Ports {
			if s.Host == host && p.Port == r.Port && p.Proto == r.Proto && !loopback(p.Address) {
				return true
			}
		}
	}
	return false
}

// loopback reports whether an address is reached from the machine only.
func loopback(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.IsLoopback()
}
