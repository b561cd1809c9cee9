package migrate

import "fmt"

// check complains about what does not go together, and warns of what has no
// counterpart. Everything that c holds is well-formed.
func (f *file) check(c *config) {
	if c.private && len(c.udp) > 0 {
		f.problem(c.udp[0].value, "", "a private tracker has no UDP trackers: UDP announces carry no key, and the tracker leaves the sockets closed",
			"empty udp_trackers, or set private to false")
	}
	if len(c.udp)+len(c.http) == 0 {
		f.problem(c.api.value, "", "there is neither a UDP nor an HTTP tracker beside the API", "")
	}
	if c.grafana != nil && c.scrape == nil {
		f.problem(c.grafana.value, "", "needs the section prometheus, whose data it shows", "")
	}
	f.addresses(c)
	f.proxies(c)
	f.domains(c)
	f.sockets(c)
	f.meaningless(c)
}

// addresses complains about addresses at which nobody reaches the tracker: it
// runs in a container.
func (f *file) addresses(c *config) {
	for _, l := range c.parts() {
		a := l.bind.Addr()
		switch {
		case l.value == nil: // not given
		case a.IsUnspecified():
		case a.IsLoopback() && l.path == "tracker.health_check_api" && !l.tls:
			// Asked from inside of the container.
		case a.IsLoopback():
			f.problem(l.bindAt, "", fmt.Sprintf("%s is the loopback of the tracker's own container: 0.1.0 publishes the port, and nobody is there", a),
				fmt.Sprintf("write %q", anywhere(l)))
		default:
			f.problem(l.bindAt, "", fmt.Sprintf("%s is no address of the tracker's container: it would not start", a),
				fmt.Sprintf("write %q; which addresses are reachable is for the firewall to say", anywhere(l)))
		}
	}
}

func anywhere(l listener) string {
	if l.bind.Addr().Is4() {
		return fmt.Sprintf("0.0.0.0:%d", l.bind.Port())
	}
	return fmt.Sprintf("[::]:%d", l.bind.Port())
}

// parts returns every listener of the tracker.
func (c *config) parts() []listener {
	var all []listener
	all = append(append(all, c.udp...), c.http...)
	return append(all, c.api, c.health)
}

// A site is a part that TLS stands before, or could.
type site struct {
	of     *value
	flag   *value
	domain text
	tls    bool
}

func (c *config) sites() []site {
	var all []site
	for _, l := range append(append([]listener{}, c.http...), c.api, c.health) {
		if l.value != nil {
			all = append(all, site{l.value, l.tlsAt, l.domain, l.tls})
		}
	}
	if g := c.grafana; g != nil {
		all = append(all, site{g.value, g.tlsAt, g.domain, g.tls})
	}
	return all
}

// proxied reports whether the HTTP trackers are behind TLS.
func (c *config) proxied() bool { return len(c.http) > 0 && c.http[0].tls }

// behindTLS reports whether anything is.
func (c *config) behindTLS() bool {
	for _, s := range c.sites() {
		if s.tls {
			return true
		}
	}
	return false
}

// proxies complains about TLS that 0.1.0 would not have brought about.
func (f *file) proxies(c *config) {
	grafana := c.grafana != nil && c.grafana.tls
	tracker := c.api.tls
	for _, l := range c.http {
		tracker = tracker || l.tls
	}
	for _, l := range c.http {
		if l.tls != c.http[0].tls {
			f.problem(l.value, "", "one HTTP tracker is behind TLS and another is not: version 3.0.0 trusts X-Forwarded-For at all of them or at none, so that clients of the direct one are refused or taken for others",
				"set use_tls_proxy for all HTTP trackers or for none")
			break
		}
	}
	for _, s := range c.sites() {
		if s.tls && !s.domain.given() {
			f.problem(s.flag, "", "TLS needs a domain, which the certificate is for", "")
		}
	}
	switch {
	case tracker:
	case c.health.tls && !grafana:
		f.problem(c.health.tlsAt, "", "0.1.0 starts no proxy for the health check alone: it would not have been reachable", "the health check is looked at by test; take the line out")
		return
	case grafana && !c.health.tls:
		f.problem(c.grafana.tlsAt, "", "0.1.0 does not take TLS for Grafana alone: it wants no section https then, and starts no proxy without one, so that Grafana is published nowhere",
			"put the API or the HTTP trackers behind TLS as well, or take the line out")
		return
	}
	if c.https == nil && c.behindTLS() {
		for _, s := range c.sites() {
			if s.tls {
				f.problem(s.flag, "", "TLS needs the section https with the address that the issuer writes to", "")
				return
			}
		}
	}
	if c.https != nil && !c.behindTLS() {
		f.problem(c.https.value, "", "nothing is behind TLS", "set use_tls_proxy and domain where it is meant, or take the section out")
	}
}

// domains complains about domains that two sites share.
func (f *file) domains(c *config) {
	first := map[string]site{}
	for _, s := range c.sites() {
		if !s.tls || !s.domain.given() {
			continue
		}
		if other, taken := first[s.domain.string]; taken {
			f.problem(s.domain.value, "", fmt.Sprintf("%s is the domain of %s, too: the proxy of 0.1.0 refuses to start with two sites of one name", s.domain.string, other.of.path), "")
			continue
		}
		first[s.domain.string] = s
	}
}

// meaningless warns of what says nothing to this program.
func (f *file) meaningless(c *config) {
	const key = "left out: this program makes an ssh key for each machine and keeps it in the age file"
	f.warn(c.privateKey.value, key)
	f.warn(c.publicKey.value, key)
	if c.instance.given() {
		f.warn(c.instance.value, "left out: 0.1.0 ignored it and called the machine torrust-tracker-vm-"+c.name.string)
	}
	if c.profile.given() {
		f.warn(c.profile.value, "left out: a virtual machine of qemu() has no profile of LXD")
	}
	if h := c.hetzner; h != nil && (h.serverType.string == "cx11" || h.serverType.string == "cx21") {
		f.warn(h.serverType.value, "Hetzner has no servers of this type any more: choose another")
	}
	if m := c.mysql; m != nil && m.host.string != mysqlHost {
		f.warn(m.host.value, "taken for a MySQL that is there already: 0.1.0 would have started one of its own beside it, which nobody uses")
		if c.backup != nil {
			f.warn(c.backup.value, "left out: the database is elsewhere, and its backup is for those who run it")
		}
		if m.rootPassword.given() {
			f.warn(m.rootPassword.value, "left out: it was for the container that nobody uses")
		}
	} else if m != nil && m.rootPassword.given() && m.rootPassword.string == m.password.string {
		f.warn(m.rootPassword.value, "left out: it is the password of the tracker's user; a new one is generated")
	}
	if g := c.grafana; g != nil {
		if g.domain.given() && !g.tls {
			f.warn(g.domain.value, "left out: without TLS Grafana is reached at port 3000 of the machine, to which the links that 0.1.0 makes of it do not lead")
		}
		if !g.password.given() || g.password.string == "admin" {
			at := g.value
			if g.password.given() {
				at = g.password.value
			}
			f.warn(at, `the password of Grafana is "admin", which everybody tries first: change it with secrets rotate GRAFANA_ADMIN_PASSWORD`)
		}
	}
	if c.api.bind.Addr().Is6() {
		f.warn(c.api.value, "the API is reached over IPv4 only")
	}
}
