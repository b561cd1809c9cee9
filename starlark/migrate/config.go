package migrate

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
)

// A config is what a file of 0.1.0 declares.
type config struct {
	name, description, instance text
	privateKey, publicKey       text
	user                        text
	sshPort                     number

	profile text     // of LXD; not given = Hetzner
	hetzner *hetzner // nil = LXD

	sqlite  text // file name; not given = MySQL
	mysql   *mysql
	private bool
	udp     []listener
	http    []listener
	api     listener
	token   text
	health  listener

	scrape  *number // nil = no Prometheus
	grafana *grafana
	https   *https
	backup  *backup
}

type hetzner struct{ token, serverType, location, image text }

type mysql struct {
	host, database, user, password, rootPassword text
	port                                         number
}

// A listener is where a part of the tracker listens. The zero listener was
// wrong.
type listener struct {
	*value
	bind   netip.AddrPort
	bindAt *value
	domain text
	tls    bool
	tlsAt  *value // of use_tls_proxy, nil = not given
}

type grafana struct {
	*value
	user, password text
	domain         text
	tls            bool
	tlsAt          *value
}

type https struct {
	*value
	email   text
	staging bool
}

type backup struct {
	*value
	schedule text
	keep     number
}

// read takes the tree apart.
func (f *file) read(root *value) *config {
	c := &config{}
	o := f.object(root, "environment", "ssh_credentials", "provider", "tracker", "prometheus", "grafana", "https", "backup")
	if o == nil {
		return c
	}
	f.environment(c, o.section("environment", true, "name", "description", "instance_name"))
	if s := o.section("ssh_credentials", true, "private_key_path", "public_key_path", "username", "port"); s != nil {
		c.privateKey, c.publicKey = f.keyPath(s, "private_key_path"), f.keyPath(s, "public_key_path")
		c.user = s.text("username", false)
		f.matches(c.user, `[a-z_][a-z0-9_-]{0,31}`, "is no user name that Debian makes", "lower-case letters, digits, _ and -, a letter or _ first; at most 32")
		c.sshPort = s.number("port", false, 22, 1, 65535)
	}
	f.provider(c, o)
	f.tracker(c, o.section("tracker", true, "core", "udp_trackers", "http_trackers", "http_api", "health_check_api"))
	if p := o.section("prometheus", false, "scrape_interval_in_secs"); p != nil {
		n := p.number("scrape_interval_in_secs", false, 15, 1, 86400)
		c.scrape = &n
	}
	if g := o.section("grafana", false, "admin_user", "admin_password", "domain", "use_tls_proxy"); g != nil {
		c.grafana = &grafana{value: g.value, user: g.word("admin_user", false), password: g.secret("admin_password", false), domain: f.domain(g)}
		c.grafana.tls, c.grafana.tlsAt = g.flag("use_tls_proxy", false)
	}
	if s := o.section("https", false, "admin_email", "use_staging"); s != nil {
		c.https = &https{value: s.value, email: s.text("admin_email", true)}
		if e := c.https.email; e.given() {
			f.refuse(e, builtins.CheckEmail(e.string))
		}
		c.https.staging, _ = s.flag("use_staging", false)
	}
	if b := o.section("backup", false, "schedule", "retention_days"); b != nil {
		c.backup = &backup{value: b.value, schedule: b.text("schedule", false), keep: b.number("retention_days", false, 7, 1, 36500)}
		if s := c.backup.schedule; s.given() {
			if _, err := environments.ParseSchedule(s.string); err != nil {
				f.problem(s.value, "", fmt.Sprintf("%q: %s", cut(s.string), err),
					"0.1.0 looks at the characters only; cron would have refused the line, and nothing would have been saved")
			}
		}
	}
	return c
}

// longestName is where 0.1.0 ends with a panic: "torrust-tracker-vm-" before
// it makes more than 63 characters.
const longestName = 44

func (f *file) environment(c *config, o *object) {
	if o == nil {
		return
	}
	c.name, c.description, c.instance = o.text("name", true), o.text("description", false), o.text("instance_name", false)
	if c.name.given() && len(c.name.string) > longestName {
		f.problem(c.name.value, "", fmt.Sprintf("has %d characters; 0.1.0 accepts that and ends with a panic beyond %d", len([]rune(c.name.string)), longestName), "shorten it")
		return
	}
	if f.matches(c.name, `[a-z-][a-z0-9-]*`, "is no name of an environment", "lower-case letters, digits and single dashes, a letter first") &&
		(strings.Contains(c.name.string, "--") || strings.HasPrefix(c.name.string, "-") || strings.HasSuffix(c.name.string, "-")) {
		f.problem(c.name.value, "", fmt.Sprintf("%q has dashes at an end or in a row", c.name.string), "")
	}
}

// matches records a text that an expression does not match whole.
func (f *file) matches(t text, expression, fact, hint string) bool {
	if !t.given() || regexp.MustCompile(`\A(?:`+expression+`)\z`).MatchString(t.string) {
		return t.given()
	}
	f.problem(t.value, "", fmt.Sprintf("%q %s", cut(t.string), fact), hint)
	return false
}

// refuse records what a check of this program says about a text.
func (f *file) refuse(t text, err error) {
	if err == nil {
		return
	}
	hint := ""
	if h, ok := err.(interface{ Hint() string }); ok {
		hint = h.Hint()
	}
	f.problem(t.value, "", err.Error(), hint)
}

func (f *file) keyPath(o *object, key string) text {
	t := o.text(key, true)
	if t.given() && !strings.HasPrefix(t.string, "/") {
		f.problem(t.value, "", fmt.Sprintf("%q is no absolute path", cut(t.string)), "")
	}
	return t
}

// domain returns the domain of a section, in lower case.
func (f *file) domain(o *object) text {
	t := o.text("domain", false)
	if !t.given() {
		return t
	}
	t.string = strings.ToLower(t.string) // the DNS knows no case
	f.refuse(t, builtins.CheckDomain(t.string))
	return t
}

// variable is what looks like a variable of a shell.
var variable = regexp.MustCompile(`^\$\{?[A-Za-z_][A-Za-z0-9_]*\}?$`)

func (f *file) provider(c *config, o *object) {
	v := o.get("provider", true)
	if v == nil {
		return
	}
	if v.kind != "object" {
		f.object(v)
		return
	}
	which := (&object{f, v}).typed("provider", "string", true)
	if which == nil {
		return
	}
	which.shown = true
	switch which.text {
	case "lxd":
		c.profile = f.object(v, "provider", "profile_name").word("profile_name", true)
	case "hetzner":
		p := f.object(v, "provider", "api_token", "server_type", "location", "image")
		h := &hetzner{token: p.secret("api_token", true), serverType: p.text("server_type", true), location: p.text("location", true), image: p.text("image", true)}
		if variable.MatchString(h.token.string) {
			f.problem(h.token.value, "", "is the name of a variable, and 0.1.0 expands none: Hetzner would have been sent the name as the token",
				"put the token there; it goes into the age file and nowhere else")
		} else if strings.ContainsFunc(h.token.string, func(r rune) bool { return r <= ' ' || r > '~' }) {
			f.problem(h.token.value, "", "has characters that no token of Hetzner has", "")
		}
		f.matches(h.serverType, `[a-z]{2,6}[0-9]{1,3}`, "is no server type", "such as cpx22; 0.1.0 asks Hetzner only when it makes the server")
		f.matches(h.location, `[a-z]{3}[0-9]{0,2}`, "is no location", "fsn1, nbg1, hel1, ash, hil or sin")
		f.matches(h.image, `[a-z][a-z0-9.-]{1,62}[a-z0-9]|[0-9]{1,18}`, "is no image", "such as debian-13 or ubuntu-24.04")
		c.hetzner = h
	default:
		f.problem(which, "", fmt.Sprintf("unknown provider %q", cut(which.text)), "lxd or hetzner")
	}
}
