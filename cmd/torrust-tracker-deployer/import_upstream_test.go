package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"context"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// upstream is a file of 0.1.0 as 0.1.0 reads it: without looking at what it
// does not know.
type upstream struct {
	SSH struct {
		Username string
		Port     int
	} `json:"ssh_credentials"`
	Provider map[string]string
	Tracker  struct {
		Core struct {
			Database struct {
				Driver, Host, Username, Password string
				Port                             int
				Name                             string `json:"database_name"`
				Root                             string `json:"root_password"`
			}
			Private bool
		}
		UDP    []upstreamListener `json:"udp_trackers"`
		HTTP   []upstreamListener `json:"http_trackers"`
		API    upstreamListener   `json:"http_api"`
		Health upstreamListener   `json:"health_check_api"`
	}
	Prometheus *struct {
		Interval int `json:"scrape_interval_in_secs"`
	}
	Grafana *struct {
		User     string `json:"admin_user"`
		Password string `json:"admin_password"`
		upstreamListener
	}
	HTTPS *struct {
		Email   string `json:"admin_email"`
		Staging bool   `json:"use_staging"`
	}
	Backup *struct {
		Schedule string
		Keep     int `json:"retention_days"`
	}
}

type upstreamListener struct {
	Bind   string `json:"bind_address"`
	Domain string
	TLS    bool   `json:"use_tls_proxy"`
	Token  string `json:"admin_token"`
}

func (l upstreamListener) port() int { return int(netip.MustParseAddrPort(l.Bind).Port()) }

// sockets are what a listener of 0.1.0 binds: [::] takes IPv4 as well.
func (l upstreamListener) sockets() []string {
	a := netip.MustParseAddrPort(l.Bind)
	if a.Addr().Is4() {
		return []string{fmt.Sprintf("4:%d", a.Port())}
	}
	return []string{fmt.Sprintf("4:%d", a.Port()), fmt.Sprintf("6:%d", a.Port())}
}

// secretsIn returns the strings of a JSON file that are secrets, also of one
// that is no JSON.
func secretsIn(data []byte) []string {
	var list []string
	for _, m := range regexp.MustCompile(`"(?:api_token|admin_token|password|root_password|admin_password|passphrase)": ?("(?:[^"\\]|\\.)*")`).FindAllSubmatch(data, -1) {
		var s string
		if json.Unmarshal(m[1], &s) == nil && s != "" && !strings.HasPrefix(s, "$HETZNER") {
			list = append(list, s)
		}
	}
	return list
}

// compare compares what was rendered with what 0.1.0 would have.
func (c *importCase) compare() {
	c.Helper()
	var u upstream
	if err := json.Unmarshal(c.json, &u); err != nil {
		c.Fatal(err)
	}
	c.compareCompose(u)
	c.compareTracker(u)
	c.compareProxy(u)
	c.compareRest(u)
	c.compareMachine(u)
}

func (c *importCase) same(what string, got, want any) {
	c.Helper()
	if g, w := fmt.Sprintf("%v", got), fmt.Sprintf("%v", want); g != w {
		c.Errorf("%s: got %s, want %s", what, g, w)
	}
}

const stack = "out/web/opt/torrust-tracker-deployer/"

// ours reports whether 0.1.0 runs a MySQL that is used.
func (u upstream) ours() bool {
	return u.Tracker.Core.Database.Driver == "mysql" && u.Tracker.Core.Database.Host == "mysql"
}

func (u upstream) proxy() bool {
	tls := u.Tracker.API.TLS || u.Grafana != nil && u.Grafana.TLS
	return u.HTTPS != nil && (tls || slices.ContainsFunc(u.Tracker.HTTP, func(l upstreamListener) bool { return l.TLS }))
}

// published are the ports that 0.1.0 lets the world see.
func (u upstream) published() []string {
	var list []string
	add := func(proto string, port int) { list = append(list, fmt.Sprintf("%s/%d", proto, port)) }
	for _, l := range u.Tracker.UDP {
		add("udp", l.port())
	}
	for _, l := range append(slices.Clone(u.Tracker.HTTP), u.Tracker.API) {
		if !l.TLS {
			add("tcp", l.port())
		}
	}
	if u.Grafana != nil && !u.Grafana.TLS {
		add("tcp", 3000)
	}
	if u.proxy() {
		add("tcp", 80)
		add("tcp", 443)
		add("udp", 443)
	}
	slices.Sort(list)
	return list
}

func (c *importCase) compareCompose(u upstream) {
	c.Helper()
	var file struct {
		Services map[string]struct {
			Environment map[string]string
			Ports       []struct {
				Target   int
				Protocol string
				HostIP   string `yaml:"host_ip"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(c.read(stack+"compose.yaml")), &file); err != nil {
		c.Fatal(err)
	}
	want := map[string]bool{"tracker": true, "caddy": u.proxy(), "prometheus": u.Prometheus != nil, "grafana": u.Grafana != nil, "mysql": u.ours()}
	maps.DeleteFunc(want, func(_ string, there bool) bool { return !there })
	var names, published []string
	for name, s := range file.Services {
		if !strings.HasPrefix(name, "prometheus-") { // what asks for Prometheus: 0.1.0 asks the tracker itself
			names = append(names, name)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				published = append(published, fmt.Sprintf("%s/%d", p.Protocol, p.Target))
			}
		}
	}
	slices.Sort(names)
	slices.Sort(published)
	c.same("services", names, slices.Sorted(maps.Keys(want)))
	c.same("published ports", published, u.published())
	if u.ours() {
		d := u.Tracker.Core.Database
		env := file.Services["mysql"].Environment
		c.same("MYSQL_DATABASE", env["MYSQL_DATABASE"], d.Name)
		c.same("MYSQL_USER", env["MYSQL_USER"], d.Username)
		c.same("password of MySQL", c.read(stack+"config/mysql/run/secrets/mysql_password"), d.Password)
		if d.Root != "" && d.Root != d.Password {
			c.same("root's password of MySQL", c.read(stack+"config/mysql/run/secrets/mysql_root_password"), d.Root)
		}
	}
	if g := u.Grafana; g != nil {
		env := file.Services["grafana"].Environment
		c.same("Grafana's user", env["GF_SECURITY_ADMIN_USER"], strings.ReplaceAll(orElse(g.User, "admin"), "$", "$$"))
		c.same("Grafana's password", c.read(stack+"config/grafana/etc/grafana/secrets/admin_password"), orElse(g.Password, "admin"))
		if g.TLS {
			c.same("root URL", strings.TrimSuffix(env["GF_SERVER_ROOT_URL"], "/"), "https://"+g.Domain)
		}
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (c *importCase) compareTracker(u upstream) {
	c.Helper()
	type bound struct {
		Bind string `toml:"bind_address"`
	}
	var file struct {
		Metadata struct {
			Schema string `toml:"schema_version"`
		}
		Logging struct{ Threshold string }
		Core    struct {
			Listed, Private bool

			Announce map[string]int `toml:"announce_policy"`
			Database struct{ Driver, Path string }
			Net      map[string]bool
			Tracker  map[string]bool `toml:"tracker_policy"`
		}
		UDP    []bound `toml:"udp_trackers"`
		HTTP   []bound `toml:"http_trackers"`
		Health bound   `toml:"health_check_api"`
		API    struct {
			bound
			Tokens map[string]string `toml:"access_tokens"`
		} `toml:"http_api"`
	}
	text := c.read(stack + "config/tracker/etc/torrust/tracker/tracker.toml")
	if err := toml.Unmarshal([]byte(text), &file); err != nil {
		c.Fatal(err)
	}
	sockets := func(list []bound) []string {
		var all []string
		for _, b := range list {
			a := netip.MustParseAddrPort(b.Bind)
			family := 6 // alone: see the sysctl of the service
			if a.Addr().Is4() {
				family = 4
			}
			all = append(all, fmt.Sprintf("%d:%d", family, a.Port()))
		}
		slices.Sort(all)
		return all
	}
	wanted := func(list []upstreamListener) []string {
		var all []string
		for _, l := range list {
			all = append(all, l.sockets()...)
		}
		slices.Sort(all)
		return all
	}
	proxied := slices.ContainsFunc(u.Tracker.HTTP, func(l upstreamListener) bool { return l.TLS })
	c.same("schema", file.Metadata.Schema, "2.0.0")
	c.same("threshold", file.Logging.Threshold, "info")
	c.same("listed, private", []bool{file.Core.Listed, file.Core.Private}, []bool{false, u.Tracker.Core.Private})
	c.same("intervals", file.Core.Announce, map[string]int{"interval": 300, "interval_min": 300})
	c.same("on_reverse_proxy", file.Core.Net["on_reverse_proxy"], proxied)
	c.same("persistent_torrent_completed_stat", file.Core.Tracker["persistent_torrent_completed_stat"], true)
	c.same("UDP sockets", sockets(file.UDP), wanted(u.Tracker.UDP))
	c.same("HTTP sockets", sockets(file.HTTP), wanted(u.Tracker.HTTP))
	c.same("API", netip.MustParseAddrPort(file.API.Bind).Port(), u.Tracker.API.port())
	c.same("tokens", file.API.Tokens, map[string]string{"admin": u.Tracker.API.Token})
	c.same("health check", netip.MustParseAddrPort(file.Health.Bind).Port(), u.Tracker.Health.port())
	d := u.Tracker.Core.Database
	c.same("driver", file.Core.Database.Driver, d.Driver)
	if d.Driver == "sqlite3" {
		c.same("database", file.Core.Database.Path, "/var/lib/torrust/tracker/database/"+d.Name)
		return
	}
	at, err := url.Parse(file.Core.Database.Path)
	if err != nil {
		c.Fatalf("%v", err)
	}
	password, _ := at.User.Password()
	c.same("database", []string{at.User.Username(), password, at.Host, at.Path}, []string{d.Username, d.Password, fmt.Sprintf("%s:%d", d.Host, d.Port), "/" + d.Name})
}

var siteRE = regexp.MustCompile(`(?m)^(\S+) \{\n((?:\t.*\n)*)\}`)

func (c *importCase) compareProxy(u upstream) {
	c.Helper()
	path := stack + "config/caddy/etc/caddy/Caddyfile"
	if !u.proxy() {
		if found, _ := filepath.Glob(filepath.Join(c.dir, path)); len(found) > 0 {
			c.Errorf("there is a proxy")
		}
		return
	}
	want := map[string]string{}
	add := func(l upstreamListener, service string, port int, forwarded bool) {
		if !l.TLS {
			return
		}
		want[strings.ToLower(l.Domain)] = fmt.Sprintf("%s:%d %v", service, port, forwarded)
	}
	for _, l := range u.Tracker.HTTP {
		add(l, "tracker", l.port(), true)
	}
	add(u.Tracker.API, "tracker", u.Tracker.API.port(), false)
	add(u.Tracker.Health, "tracker", u.Tracker.Health.port(), false)
	if u.Grafana != nil {
		add(u.Grafana.upstreamListener, "grafana", 3000, false)
	}
	text, got := c.read(path), map[string]string{}
	for _, m := range siteRE.FindAllStringSubmatch(text, -1) {
		to := regexp.MustCompile(`reverse_proxy (\S+)`).FindStringSubmatch(m[2])
		got[m[1]] = fmt.Sprintf("%s %v", to[1], strings.Contains(m[2], "header_up X-Forwarded-For {remote_host}"))
	}
	c.same("sites", got, want)
	c.same("e-mail", strings.Contains(text, "\temail "+u.HTTPS.Email+"\n"), true)
	c.same("staging", strings.Contains(text, "acme_ca https://acme-staging-v02.api.letsencrypt.org/directory"), u.HTTPS.Staging)
}

func (c *importCase) compareRest(u upstream) {
	c.Helper()
	if u.Prometheus != nil {
		var file struct{ Global map[string]string }
		if err := yaml.Unmarshal([]byte(c.read(stack+"config/prometheus/etc/prometheus/next/prometheus.yml")), &file); err != nil {
			c.Fatal(err)
		}
		want := u.Prometheus.Interval
		if want == 0 {
			want = 15
		}
		c.same("scrape interval", file.Global["scrape_interval"], fmt.Sprintf("%ds", want))
	}
	external := u.Tracker.Core.Database.Driver == "mysql" && !u.ours()
	if u.Backup == nil || external {
		return
	}
	var file struct {
		Schedule string
		Keep     int `yaml:"keep_days"`
		Of       []struct {
			Service string
			SQLite  []string
		}
	}
	if err := yaml.Unmarshal([]byte(c.read(stack+"backup/backup.yaml")), &file); err != nil {
		c.Fatal(err)
	}
	keep := u.Backup.Keep
	if keep == 0 {
		keep = 7
	}
	c.same("schedule", file.Schedule, strings.Join(strings.Fields(orElse(u.Backup.Schedule, "0 3 * * *")), " "))
	c.same("retention", file.Keep, keep)
	if u.ours() {
		c.same("backup of", file.Of, "[{mysql []}]")
	} else {
		c.same("backup of", file.Of, "[{tracker [/opt/torrust-tracker-deployer/data/tracker/database/"+u.Tracker.Core.Database.Name+"]}]")
	}
}

// compareMachine compares what is not rendered, and the firewall.
func (c *importCase) compareMachine(u upstream) {
	c.Helper()
	env, err := eval.Load(context.Background(), eval.Options{Root: c.dir, File: "environments/imp.star"})
	if err != nil {
		c.Fatal(err)
	}
	h := env.Hosts[0]
	port := u.SSH.Port
	if port == 0 {
		port = 22
	}
	c.same("user", h.User, orElse(u.SSH.Username, "torrust"))
	c.same("ssh port", h.SSHPort, port)
	if u.Provider["provider"] == "lxd" {
		c.same("provider", h.Provider.Kind(), "qemu")
	} else {
		x := h.Provider.Hetzner
		c.same("server", []string{x.ServerType, x.Location, x.Image}, []string{u.Provider["server_type"], u.Provider["location"], u.Provider["image"]})
	}
	open := []string{}
	for _, r := range env.Firewalls[0].Allow {
		open = append(open, fmt.Sprintf("%s/%d", r.Proto, r.Port))
	}
	slices.Sort(open)
	c.same("open ports", open, u.published())
}
