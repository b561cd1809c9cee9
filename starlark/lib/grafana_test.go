package lib_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// scraped is a machine, and a datasource as prometheus() describes it: what
// grafana() and the dashboards read of one.
const scraped = `web = vm(name = "web", provider = simulated("machines/web"))
server = compose_service(name = "prometheus", host = web, image = "prom/prometheus:v3.5.5", healthcheck = healthcheck(["true"]))
prom = struct(
    name = "prometheus", host = web, service = server, web = server.endpoint(9090), scrape_interval = "15s",
    targets = [struct(name = "old", generation = "3.0"), struct(name = "new", generation = "develop")],
)
`

func evaluate(t *testing.T, source string) (*environments.Environment, error) {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "e.star"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	return eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
}

func grafana(t *testing.T, arguments string) *environments.Environment {
	t.Helper()
	e, err := evaluate(t, `load("@torrust//grafana.star", "grafana")
`+scraped+`graf = grafana(name = "grafana", host = web, datasource = prom, `+arguments+`)
config_file(name = "endpoint", host = web, path = "/endpoint", content = graf.web.internal)
`)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// service returns the service called name, which is there.
func service(t *testing.T, e *environments.Environment, name string) environments.Service {
	t.Helper()
	s, ok := e.Service(name)
	if !ok {
		t.Fatalf("no service %q", name)
	}
	return s
}

// stand answers what is known only later with its name.
func stand(v environments.Value) (string, error) { return "the " + v.Name + v.Attribute, nil }

func rendered(t *testing.T, v environments.Value) string {
	t.Helper()
	text, err := v.Render(stand)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// settings returns the environment of a container.
func settings(t *testing.T, s environments.Service) map[string]string {
	t.Helper()
	m := map[string]string{}
	for _, v := range s.Environment {
		m[v.Name] = rendered(t, v.Value)
	}
	return m
}

// The password is in a file of its own that only Grafana's user reads, and in
// nothing else of the container.
func TestGrafanaPassword(t *testing.T) {
	e := grafana(t, `admin_password = secret("PW", generate = True)`)
	s := service(t, e, "grafana")
	files := 0
	for _, m := range s.Files {
		if !m.Content.Secret() {
			continue
		}
		files++
		if m.Path != "/etc/grafana/secrets/admin_password" || m.Owner != "472:0" || m.Mode != "0600" || rendered(t, *m.Content) != "the PW" {
			t.Errorf("file %s of %s, mode %s, with %q", m.Path, m.Owner, m.Mode, rendered(t, *m.Content))
		}
	}
	if files != 1 {
		t.Errorf("%d files hold the password, want 1", files)
	}
	for _, v := range append(s.Environment, s.Sysctls...) {
		if v.Value.Secret() {
			t.Errorf("%s is secret", v.Name)
		}
	}
	if got, want := settings(t, s)["GF_SECURITY_ADMIN_PASSWORD"], "$__file{/etc/grafana/secrets/admin_password}"; got != want {
		t.Errorf("GF_SECURITY_ADMIN_PASSWORD = %q, want %q", got, want)
	}
	if len(e.Rotations) != 1 || e.Rotations[0].Secret != "PW" || e.Rotations[0].Apply != "grafana-password" || e.Rotations[0].Verify != "grafana-login" {
		t.Errorf("rotations: %+v", e.Rotations)
	}
	for _, task := range e.Tasks {
		for _, argv := range task.Run {
			for _, word := range argv {
				if word.Secret() {
					t.Errorf("task %s has a secret in its command", task.Name)
				}
			}
		}
		if task.Stdin == nil || rendered(t, *task.Stdin) != "the PWnew\n" {
			t.Errorf("task %s reads %v", task.Name, task.Stdin)
		}
	}
}

// How Grafana runs and what it is told follows from the options.
func TestGrafanaOptions(t *testing.T) {
	cases := []struct {
		arguments string
		address   string // that it is published on
		probes    string
		has       map[string]string // of its environment; "" = not there
	}{
		{"", "127.0.0.1", "grafana-health grafana-refused grafana-login", map[string]string{
			"DATASOURCE_URL": "http://prometheus:9090", "DATASOURCE_INTERVAL": "15s", "GF_SECURITY_ADMIN_USER": "admin",
			"GF_AUTH_ANONYMOUS_ENABLED": "false", "GF_AUTH_ANONYMOUS_HIDE_VERSION": "true", "GF_USERS_ALLOW_SIGN_UP": "false",
			"GF_SECURITY_COOKIE_SAMESITE": "strict", "GF_SECURITY_COOKIE_SECURE": "", "GF_SERVER_ROOT_URL": "", "GF_SERVER_ENFORCE_DOMAIN": "",
		}},
		{`domain = "grafana.example.com", admin_user = "root"`, "127.0.0.1", "grafana-health grafana-domain", map[string]string{
			"GF_SERVER_ROOT_URL": "https://grafana.example.com/", "GF_SERVER_DOMAIN": "grafana.example.com", "GF_SECURITY_ADMIN_USER": "root",
			"GF_SECURITY_COOKIE_SECURE": "true", "GF_SERVER_ENFORCE_DOMAIN": "true",
		}},
		{"public = True, port = 3100", "", "grafana-health grafana-refused grafana-login", map[string]string{
			"GF_SERVER_HTTP_PORT": "3100", "GF_SECURITY_COOKIE_SECURE": "",
		}},
	}
	for _, c := range cases {
		e := grafana(t, c.arguments)
		s := service(t, e, "grafana")
		if len(s.Ports) != 1 || s.Ports[0].Address != c.address {
			t.Errorf("%s: ports %+v, want one on %q", c.arguments, s.Ports, c.address)
		}
		var probes []string
		for _, p := range e.Probes {
			probes = append(probes, p.Name)
		}
		if got := strings.Join(probes, " "); got != c.probes {
			t.Errorf("%s: probes %s, want %s", c.arguments, got, c.probes)
		}
		got := settings(t, s)
		for name, want := range c.has {
			if got[name] != want {
				t.Errorf("%s: %s = %q, want %q", c.arguments, name, got[name], want)
			}
		}
		if !s.ReadOnly || len(s.CapDrop) != 1 || s.CapDrop[0] != "ALL" || s.Memory == "" || s.PIDs == 0 {
			t.Errorf("%s: limits: %+v", c.arguments, s)
		}
		if len(s.Data) != 1 || s.Data[0].Path != "/var/lib/grafana" || s.Data[0].Owner != "472:0" {
			t.Errorf("%s: data %+v", c.arguments, s.Data)
		}
	}
}

// A password in the file is allowed, with a warning, and cannot be rotated.
func TestGrafanaPasswordInTheFile(t *testing.T) {
	e := grafana(t, `admin_password = "letmein"`)
	if len(e.Warnings) != 1 || strings.Contains(e.Warnings[0].Message, "letmein") || len(e.Rotations) != 0 {
		t.Errorf("warnings %+v, rotations %+v", e.Warnings, e.Rotations)
	}
}

// What cannot work is said at the argument.
func TestGrafanaRefuses(t *testing.T) {
	for arguments, want := range map[string]string{
		`admin_password = "1234"`:                       `"1234" does not fit: Grafana takes no password`,
		`admin_password = "with a blank "`:              `does not fit: Grafana takes no password`,
		`domain = "https://grafana.example.com"`:        `domain: got "https://grafana.example.com", want a name such as "grafana.example.com"`,
		`domain = "grafana.example.com", public = True`: `public is without TLS, and domain is behind it`,
		`port = 80`:                 `port: got 80, want 1024 to 65535`,
		`admin_user = "a:b"`:        `admin_user: want a name without a colon`,
		`dashboards = {"Mine": {}}`: `dashboards: "Mine" is not a name`,
	} {
		_, err := evaluate(t, `load("@torrust//grafana.star", "grafana")
`+scraped+`grafana(name = "grafana", host = web, datasource = prom, `+arguments+`)
`)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", arguments, err, want)
		}
	}
	_, err := evaluate(t, `load("@torrust//grafana.star", "grafana")
web = vm(name = "web", provider = simulated("machines/web"))
grafana(name = "grafana", host = web, datasource = "http://prometheus:9090")
`)
	if want := `datasource: got string, want what prometheus(…) returned`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
