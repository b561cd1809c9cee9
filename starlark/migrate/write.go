package migrate

import (
	"fmt"
	"strings"

	"go.starlark.net/syntax"
)

// The names of the secrets.
const (
	cloudToken    = "HCLOUD_TOKEN"
	adminToken    = "TRACKER_ADMIN_TOKEN"
	mysqlPassword = "MYSQL_PASSWORD"
	mysqlRoot     = "MYSQL_ROOT_PASSWORD"
	grafanaAdmin  = "GRAFANA_ADMIN_PASSWORD"
)

// A writer writes a config as Starlark. The layout is left to package layout.
type writer struct {
	config  *config
	options Options
	from    string // what the JSON file is called
	text    strings.Builder
	secrets []Secret
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

// quote returns s as a literal.
func quote(s string) string { return syntax.Quote(s, false) }

// comment writes lines of a comment.
func (w *writer) comment(lines ...string) {
	for _, l := range lines {
		w.line("# %s", strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, l))
	}
}

// call writes a call with an argument a line; empty arguments are left out.
func (w *writer) call(to, function string, arguments ...string) {
	if to != "" {
		to += " = "
	}
	w.line("%s%s(", to, function)
	for _, a := range arguments {
		if a != "" {
			w.line("    %s,", a)
		}
	}
	w.line(")\n")
}

// secret declares a secret whose value the age file keeps. generated is for
// those that the program may make anew, by secrets rotate.
func (w *writer) secret(name string, t text, generated bool) string {
	w.secrets = append(w.secrets, Secret{Name: name, Value: t.string, from: t.value})
	if generated {
		return fmt.Sprintf("secret(%q, generate = True)", name)
	}
	return fmt.Sprintf("secret(%q)", name)
}

// file returns the whole file.
func (w *writer) file() []byte {
	c := w.config
	title := "A Torrust tracker."
	if d := strings.TrimSpace(c.description.string); d != "" {
		title = d
	}
	w.line("%s\n", `"""`+docstring(title)+`"""`)
	w.comment("Imported from "+w.from+", environment "+fmt.Sprintf("%q", c.name.string)+" of torrust-tracker-deployer 0.1.0.",
		"The values of its secrets are in "+w.options.Name+".age, encrypted.")
	w.line("")
	w.loads()
	w.comment("Whom the machine belongs to. Keep it: another id is another environment.")
	if c.description.given() && c.description.string != "" {
		w.line("environment(id = %s, doc = %s)\n", quote(w.options.ID), quote(c.description.string))
	} else {
		w.line("environment(id = %s)\n", quote(w.options.ID))
	}
	w.machine()
	w.database()
	w.tracker()
	w.monitoring()
	w.edge()
	w.backup()
	return []byte(w.text.String())
}

// docstring makes text fit between triple quotes.
func docstring(s string) string {
	inner := quote(strings.Join(strings.Fields(s), " "))
	return strings.ReplaceAll(inner[1:len(inner)-1], `\"`, `'`)
}

func (w *writer) loads() {
	c := w.config
	var monitoring []string
	if c.grafana != nil {
		monitoring = append(monitoring, `"grafana"`)
	}
	if c.scrape != nil {
		monitoring = append(monitoring, `"prometheus"`)
		w.line(`load("@torrust//monitoring.star", %s)`, strings.Join(monitoring, ", "))
	}
	switch {
	case c.mysql == nil:
	case c.external():
		w.line(`load("@torrust//mysql.star", "mysql_external")`)
	default:
		w.line(`load("@torrust//mysql.star", "mysql")`)
	}
	names := `"tracker"`
	if c.sqlite.given() {
		names = `"sqlite", ` + names
	}
	if strings.Contains(w.listeners(c.udp)+w.listeners(c.http)+w.one(c.api)+w.one(c.health), "listener(") {
		names = `"listener", ` + names
	}
	w.line("load(\"@torrust//tracker.star\", %s)\n", names)
}

func (c *config) external() bool { return c.mysql != nil && c.mysql.host.string != mysqlHost }

func (w *writer) machine() {
	c := w.config
	w.comment("The machine. 0.1.0 had the ssh keys "+c.publicKey.string+" and "+c.privateKey.string+";",
		"this program makes a key for each machine.")
	if c.instance.given() {
		w.comment("instance_name " + fmt.Sprintf("%q", c.instance.string) + " meant nothing to 0.1.0 either.")
	}
	provider := ""
	if h := c.hetzner; h != nil {
		provider = fmt.Sprintf("hetzner(server_type = %s, location = %s, image = %s, token = %s)",
			quote(h.serverType.string), quote(h.location.string), quote(h.image.string), w.secret(cloudToken, h.token, false))
	} else {
		w.comment("It was one of LXD with the profile "+fmt.Sprintf("%q", c.profile.string)+" and Ubuntu 24.04. This is one of QEMU,",
			"of the same size, with Debian 13.")
		provider = `qemu(cpus = 2, memory = "2GiB", disk = "10GiB")`
	}
	user := c.user.string
	if !c.user.given() {
		user = "torrust"
	}
	port := ""
	if c.sshPort.n != 22 {
		port = fmt.Sprintf("ssh_port = %d", c.sshPort.n)
	}
	w.call("web", "vm", `name = "web"`, "provider = "+provider, "user = "+quote(user), port)
}

func (w *writer) database() {
	m := w.config.mysql
	if m == nil {
		return
	}
	database := []string{"database = " + quote(m.database.string), "user = " + quote(m.user.string), "password = " + w.secret(mysqlPassword, m.password, !w.config.external())}
	if w.config.external() {
		w.comment("0.1.0 started a MySQL of its own beside this one, which nobody used.")
		w.call("db", "mysql_external", append([]string{"host = " + quote(m.host.string), fmt.Sprintf("port = %d", m.port.n)}, database...)...)
		return
	}
	root := ""
	if m.rootPassword.given() && m.rootPassword.string != m.password.string {
		root = "root_password = " + w.secret(mysqlRoot, m.rootPassword, true)
	} else {
		root = fmt.Sprintf("root_password = secret(%q, generate = True)", mysqlRoot)
	}
	w.call("db", "mysql", append(append([]string{`name = "mysql"`, "host = web"}, database...), root)...)
}
