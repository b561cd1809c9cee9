package builtins

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func tls() Builtin {
	return Builtin{
		Name: "tls",
		Doc:  "A reverse proxy, Caddy, that gets certificates for domains and hands requests on to services of its machine. It runs as a service of the same name. Its certificates are for a later version: deploy refuses it, render shows it.",
		Example: `site = compose_service(name = "site", host = web, image = "nginx:1.27", healthcheck = healthcheck(["true"]))
tls(name = "edge", host = web, email = "ops@example.com", sites = {"example.com": site.endpoint(80)})`,
		kind: "tls",
		Parameters: []Parameter{
			{Name: "name", to: name(), Example: `"edge"`, Doc: "Unique among the proxies and the services."},
			{Name: "host", to: host(), Example: "web", Doc: "The machine it is on; a machine has at most one. Ports 80 and 443 have to be open in its firewall."},
			{Name: "email", to: email(), Example: `"ops@example.com"`, Doc: "Whom the issuer writes to about certificates."},
			{Name: "sites", to: dictOf[Endpoint](domain(), payload[Endpoint]("endpoint")), Example: `{"example.com": site.endpoint(80)}`,
				Doc: "The services by domain name, each an endpoint that the machine does not publish itself."},
			{Name: "issuer", to: payload[environments.Issuer]("letsencrypt(…) or acme(…)"), preset: valueHandle("letsencrypt", environments.Issuer{Directory: environments.LetsEncrypt}),
				Example: "letsencrypt(staging = True)", Doc: "Who gives the certificates."},
			{Name: "hsts", to: boolean(), preset: starlark.False, Example: "True", Doc: "Whether browsers are told to come back over https only, for a year."},
		},
		make: makeTLS,
	}
}

func makeTLS(c *call) starlark.Value {
	t := environments.TLS{
		Declared: c.declare(), Host: get[string](c, "host"), Email: get[string](c, "email"),
		Issuer: get[environments.Issuer](c, "issuer"), HSTS: get[bool](c, "hsts"),
	}
	c.proxyName(t.Name)
	for _, other := range c.Environment.TLS {
		if other.Host == t.Host {
			c.problem("host", fmt.Sprintf("vm %q has tls %q already", t.Host, other.Name), "one lists all sites of a machine; the first is at "+other.Position.String())
		}
	}
	sites := get[[]keyed[Endpoint]](c, "sites")
	if len(sites) == 0 {
		c.problem("sites", "sites: there is none", "")
	}
	for i, s := range sites {
		if m := c.checkSite(t, s.key, s.value); m != nil {
			c.place("sites", m.at(entry(i, s.key)))
		}
		t.Sites = append(t.Sites, environments.Site{Domain: s.key, Service: s.value.Service, Port: s.value.Port, Forwarded: s.value.forwarded})
	}
	if c.bad {
		return nil
	}
	slices.SortFunc(t.Sites, func(a, b environments.Site) int { return strings.Compare(a.Domain, b.Domain) })
	c.Environment.TLS = append(c.Environment.TLS, t)
	c.Environment.Services = append(c.Environment.Services, t.Proxy())
	return &Handle{kind: "tls", name: t.Name, node: "service:" + t.Name, host: t.Host, attributes: []attribute{{"name", starlark.String(t.Name)}}}
}

// proxyName claims the name among the services, too.
func (c *call) proxyName(name string) {
	node := "service:" + name
	if first, taken := c.declared[node]; taken {
		c.problem("name", "a compose_service has the name", fmt.Sprintf("it was declared at %s", first))
		return
	}
	c.claim(node)
}

// checkSite says what is wrong with handing on a domain to an endpoint.
func (c *call) checkSite(t environments.TLS, domain string, e Endpoint) *misfit {
	for _, other := range c.Environment.TLS {
		for _, s := range other.Sites {
			if s.Domain == domain {
				return misfitf("tls %q serves the domain already", other.Name)
			}
		}
	}
	if e.Host != t.Host {
		return misfitf("compose_service %q is on another host, vm %q", e.Service, e.Host)
	}
	s, ok := c.Environment.Service(e.Service)
	if !ok {
		return nil // declared with a wrong argument, which was said
	}
	for _, p := range s.Ports {
		if a, err := netip.ParseAddr(p.Address); p.Port == e.Port && p.Proto == "tcp" && (err != nil || !a.IsLoopback()) {
			return misfitf("port %d of compose_service %q is published by the machine as well, so that requests get past the proxy", e.Port, e.Service).
				withHint("a tracker behind it takes proxied = True; others publish no such port, or on 127.0.0.1")
		}
	}
	return nil
}
