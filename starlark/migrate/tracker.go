package migrate

import (
	"fmt"
	"net/netip"
	"strings"
)

// tracker reads the section of the tracker.
func (f *file) tracker(c *config, o *object) {
	if o == nil {
		return
	}
	if core := o.section("core", true, "database", "private"); core != nil {
		c.private, _ = core.flag("private", true)
		f.database(c, core)
	}
	for _, v := range o.list("udp_trackers", true) {
		c.udp = append(c.udp, f.listener(f.object(v, "bind_address", "domain")))
	}
	for _, v := range o.list("http_trackers", true) {
		c.http = append(c.http, f.listener(f.object(v, "bind_address", "domain", "use_tls_proxy")))
	}
	if api := o.section("http_api", true, "bind_address", "admin_token", "domain", "use_tls_proxy"); api != nil {
		c.api = f.listener(api)
		c.token = api.secret("admin_token", true)
	}
	if health := o.section("health_check_api", false, "bind_address", "domain", "use_tls_proxy"); health != nil {
		c.health = f.listener(health)
	} else {
		c.health = listener{bind: netip.MustParseAddrPort("127.0.0.1:1313")}
	}
}

// The MySQL container of 0.1.0, which it starts whatever the host is.
const (
	mysqlHost = "mysql"
	mysqlPort = 3306
)

func (f *file) database(c *config, core *object) {
	v := core.get("database", true)
	if v == nil {
		return
	}
	if v.kind != "object" {
		f.object(v)
		return
	}
	driver := (&object{f, v}).text("driver", true)
	switch driver.string {
	case "sqlite3":
		o := f.object(v, "driver", "database_name")
		c.sqlite = o.word("database_name", true)
		f.matches(c.sqlite, `[A-Za-z0-9][A-Za-z0-9._-]{0,99}`, "is no name of a file", "letters, digits, ., _ and -; the file lies in the tracker's data directory")
	case "mysql":
		o := f.object(v, "driver", "host", "port", "database_name", "username", "password", "root_password")
		c.mysql = &mysql{
			host: o.word("host", true), port: o.number("port", true, mysqlPort, 1, 65535), database: o.word("database_name", true),
			user: o.word("username", true), password: o.secret("password", true), rootPassword: o.secret("root_password", false),
		}
		f.mysql(c.mysql)
	default:
		if driver.given() {
			f.problem(driver.value, "", fmt.Sprintf("unknown driver %q", cut(driver.string)), "sqlite3 or mysql")
		}
	}
}

func (f *file) mysql(m *mysql) {
	if strings.EqualFold(m.user.string, "root") {
		f.problem(m.user.value, "", "is root: the image of MySQL refuses to make that user", "name a user of its own")
	}
	f.matches(m.user, `[A-Za-z0-9_.-]{1,32}`, "is no name of a user", "letters, digits, _, - and ., at most 32")
	f.matches(m.database, `[A-Za-z0-9_-]{1,64}`, "is no name of a database", "letters, digits and _, at most 64: 0.1.0 writes it into a URL as it is")
	f.matches(m.host, `[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?`, "is no name of a host", "")
	switch {
	case !m.host.given() || !m.port.given():
	case m.host.string == mysqlHost && m.port.n != mysqlPort:
		f.problem(m.port.value, "", fmt.Sprintf("is %d, and the container of 0.1.0 listens on %d: the tracker would not have found it", m.port.n, mysqlPort), "")
	case loopbackName(m.host.string):
		f.problem(m.host.value, "", fmt.Sprintf("%q is the tracker's own container, in which there is no MySQL", m.host.string), `"mysql" is the container that 0.1.0 starts`)
	}
}

func (n number) given() bool { return n.value != nil }

func loopbackName(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (a.IsLoopback() || a.IsUnspecified())
}

func (f *file) listener(o *object) listener {
	if o == nil {
		return listener{}
	}
	l := listener{value: o.value, domain: f.domain(o)}
	l.tls, l.tlsAt = o.flag("use_tls_proxy", false)
	bind := o.text("bind_address", true)
	l.bindAt = bind.value
	if !bind.given() {
		return l
	}
	a, err := netip.ParseAddrPort(bind.string)
	switch {
	case err != nil:
		f.problem(bind.value, "", fmt.Sprintf("%q is no IP address with a port", cut(bind.string)), `such as "0.0.0.0:6969" or "[::]:6969"`)
	case a.Port() == 0:
		f.problem(bind.value, "", "port 0 is no port that anybody could know", "")
	default:
		l.bind = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return l
}
