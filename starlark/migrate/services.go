package migrate

import (
	"fmt"
	"strings"
)

// dualStack reports whether any listener takes IPv6.
func (c *config) dualStack() bool {
	for _, l := range append(append([]listener{}, c.udp...), c.http...) {
		if l.bind.Addr().Is6() {
			return true
		}
	}
	return false
}

// listeners writes the ports of a protocol.
func (w *writer) listeners(list []listener) string {
	words := make([]string, len(list))
	for i, l := range list {
		arguments := ""
		if l.domain.given() {
			arguments += ", domain = " + quote(l.domain.string)
		}
		if w.config.dualStack() && l.bind.Addr().Is4() {
			arguments += `, address = "0.0.0.0"`
		}
		words[i] = fmt.Sprint(l.bind.Port())
		if arguments != "" {
			words[i] = "listener(" + words[i] + arguments + ")"
		}
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// one writes the API or the health check.
func (w *writer) one(l listener) string {
	port := fmt.Sprint(l.bind.Port())
	switch {
	case !l.domain.given():
		return port
	case l.tls:
		return "listener(" + port + ", domain = " + quote(l.domain.string) + ", proxied = True)"
	}
	return "listener(" + port + ", domain = " + quote(l.domain.string) + ")"
}

func (w *writer) tracker() {
	c := w.config
	database, health, proxied, public, dual, private := "", "", "", "", "", ""
	switch {
	case c.mysql != nil:
		database = "database = db"
	default:
		database = "database = sqlite(" + quote(c.sqlite.string) + ")"
	}
	if c.health.bind.Port() != 1313 || c.health.domain.given() {
		health = "health = " + w.one(c.health)
	}
	if c.proxied() {
		proxied = "proxied = True"
	}
	if !c.api.tls {
		public = "api_public = True"
	}
	if !c.dualStack() {
		dual = "dual_stack = False"
	}
	if c.private {
		private = "private = True"
	}
	w.comment("The tracker. 0.1.0 ran the image torrust/tracker:develop with the configuration of",
		"version 3.0.0, which today's image of that name refuses; this is version 3.0.0.")
	if public != "" {
		w.comment("Its API is open to everybody, without TLS, as it was. Think about it.")
	}
	w.call("trk", "tracker", `name = "tracker"`, "host = web", "udp = "+w.listeners(c.udp), "http = "+w.listeners(c.http),
		"api = "+w.one(c.api), "admin_token = "+w.secret(adminToken, c.token, true), public, health, database, private, proxied, dual,
		"announce_interval = 300", "persistent_completed = True", `log_level = "info"`)
}

func (w *writer) monitoring() {
	c := w.config
	if c.scrape == nil {
		return
	}
	port := ""
	for p := nodePort; w.takes(p); p++ {
		port = fmt.Sprintf("node_port = %d", p+1)
	}
	w.call("prom", "prometheus", `name = "prometheus"`, "host = web", "targets = [trk]", fmt.Sprintf(`scrape_interval = "%ds"`, c.scrape.n), port)
	g := c.grafana
	if g == nil {
		return
	}
	user, password := g.user.string, g.password
	if !g.user.given() {
		user = "admin"
	}
	if !password.given() {
		password.string, password.value = "admin", g.value
	}
	reach := "public = True"
	if g.tls {
		reach = "domain = " + quote(g.domain.string)
	} else {
		w.comment("Grafana is open to everybody, without TLS, as it was. Think about it.")
	}
	w.call("graf", "grafana", `name = "grafana"`, "host = web", "datasource = prom", "admin_user = "+quote(user),
		"admin_password = "+w.secret(grafanaAdmin, password, true), reach)
}

// nodePort is where the exporter of the machine listens, on the machine.
const nodePort = 9100

// takes reports whether a TCP port of the machine is taken.
func (w *writer) takes(port int) bool {
	for _, s := range outside(w.config) {
		if s.proto == "tcp" && s.port == port {
			return true
		}
	}
	return false
}

// edge writes what stands between the services and the world.
func (w *writer) edge() {
	c := w.config
	if c.https != nil {
		var sites []string
		add := func(l listener, endpoint string) {
			if l.tls {
				sites = append(sites, quote(l.domain.string)+": "+endpoint)
			}
		}
		for i, l := range c.http {
			add(l, fmt.Sprintf("trk.http[%d]", i))
		}
		add(c.api, "trk.api")
		add(c.health, "trk.health")
		if g := c.grafana; g != nil && g.tls {
			sites = append(sites, quote(g.domain.string)+": graf.web")
		}
		issuer := ""
		if c.https.staging {
			issuer = "issuer = letsencrypt(staging = True)"
		}
		w.comment("The proxy with the certificates.")
		w.call("", "tls", `name = "caddy"`, "host = web", "email = "+quote(c.https.email.string), "sites = {\n        "+strings.Join(sites, ",\n        ")+",\n    }", issuer)
	}
	w.comment("What the machine lets in beside ssh. Nothing else is, also what Docker publishes;",
		"the firewall of 0.1.0 did not see that.")
	w.call("", "firewall", `name = "edge"`, "host = web", "allow = ["+strings.Join(w.open(), ", ")+"]")
}

func (w *writer) open() []string {
	c := w.config
	var rules []string
	for _, l := range c.udp {
		rules = append(rules, fmt.Sprintf("udp(%d)", l.bind.Port()))
	}
	for _, l := range c.http {
		if !l.tls {
			rules = append(rules, fmt.Sprintf("tcp(%d)", l.bind.Port()))
		}
	}
	if !c.api.tls {
		rules = append(rules, fmt.Sprintf("tcp(%d)", c.api.bind.Port()))
	}
	if c.grafana != nil && !c.grafana.tls {
		rules = append(rules, "tcp(3000)")
	}
	if c.https != nil {
		rules = append(rules, "tcp(80)", "tcp(443)", "udp(443)")
	}
	return rules
}

func (w *writer) backup() {
	b := w.config.backup
	if b == nil {
		return
	}
	schedule := "0 3 * * *"
	if b.schedule.given() {
		schedule = strings.Join(strings.Fields(b.schedule.string), " ")
	}
	of := "trk"
	switch {
	case w.config.external():
		w.comment("0.1.0 saved the database at "+w.config.mysql.host.string+". Here that is for those to do who run it:",
			fmt.Sprintf("backup(schedule = %q, keep_days = %d) would have nothing to save.", schedule, b.keep.n), "")
		return
	case w.config.mysql != nil:
		of = "db"
	}
	w.comment("0.1.0 stopped the tracker for a backup; that is not needed.")
	w.call("", "backup", `name = "backup"`, "host = web", "of = ["+of+"]", "schedule = "+quote(schedule), fmt.Sprintf("keep_days = %d", b.keep.n))
}
