package lib_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// watched evaluates a stack of a tracker and what watches it.
func watched(t *testing.T, tracker, alertmanager, prometheus string) (*environments.Environment, error) {
	t.Helper()
	root := t.TempDir()
	src := `load("@torrust//monitoring.star", "alertmanager", "prometheus", "smtp")
load("@torrust//tracker.star", "tracker")
web = vm(name = "web", provider = simulated("machines/web"))
trk = tracker(name = "tracker", host = web, ` + tracker + `)
am = alertmanager(name = "am", host = web, ` + alertmanager + `)
prom = prometheus(name = "prom", host = web, targets = [trk], ` + prometheus + `)
config_file(name = "web", host = web, path = "/web", content = prom.web.internal + " " + am.web.internal + " " + prom.scrape_interval)
`
	if err := os.WriteFile(filepath.Join(root, "e.star"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
}

func mustWatch(t *testing.T, tracker, alertmanager, prometheus string) *environments.Environment {
	t.Helper()
	e, err := watched(t, tracker, alertmanager, prometheus)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func serviceOf(t *testing.T, e *environments.Environment, name string) environments.Service {
	t.Helper()
	for _, s := range e.Services {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no service %s", name)
	return environments.Service{}
}

// text returns the file of a service at a path, secrets as "the NAME".
func text(t *testing.T, s environments.Service, path string) string {
	t.Helper()
	for _, m := range s.Files {
		if m.Path == path {
			text, err := m.Content.Render(func(v environments.Value) (string, error) { return "the " + v.Name, nil })
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	t.Fatalf("%s has no file %s", s.Name, path)
	return ""
}

// names returns those of all services, in the order of declaration.
func names(e *environments.Environment) string {
	var list []string
	for _, s := range e.Services {
		list = append(list, s.Name)
	}
	return strings.Join(list, " ")
}

// A tracker of version 3.0 is asked through json_exporter and Caddy, one of the
// development generation itself; the token is in a file of whoever asks.
func TestHowTrackersAreAsked(t *testing.T) {
	const hook = `webhook = "https://example.com/hook"`
	cases := []struct {
		tracker   string
		services  string
		asks      string // service that has the token
		tokenFile string
		token     string
		job       string // part of the job of the tracker
	}{
		{
			tracker:  `admin_token = secret("ADMIN")`,
			services: "tracker am prom-node prom-blackbox prom-net-tracker prom-token prom-json prom",
			asks:     "prom-token", tokenFile: "/etc/caddy/tokens/tracker", token: "the ADMIN",
			job: "targets: ['http://prom-token:9180/tracker']",
		},
		{
			tracker:  `admin_token = secret("ADMIN"), tokens = {"prometheus": secret("SCRAPE")}`,
			services: "tracker am prom-node prom-blackbox prom-net-tracker prom-token prom-json prom",
			asks:     "prom-token", tokenFile: "/etc/caddy/tokens/tracker", token: "the SCRAPE",
			job: "params: {module: [stats]}",
		},
		{
			tracker:  `generation = "develop", admin_token = secret("ADMIN")`,
			services: "tracker am prom-node prom-blackbox prom-net-tracker prom",
			asks:     "prom", tokenFile: "/etc/prometheus/tokens/tracker", token: "the ADMIN",
			job: "authorization: {credentials_file: /etc/prometheus/tokens/tracker, type: Bearer}",
		},
	}
	for _, c := range cases {
		e := mustWatch(t, c.tracker, hook, "")
		if got := names(e); got != c.services {
			t.Errorf("%s: services %s, want %s", c.tracker, got, c.services)
		}
		if got := text(t, serviceOf(t, e, c.asks), c.tokenFile); got != c.token {
			t.Errorf("%s: token %s, want %s", c.tracker, got, c.token)
		}
		if got := job(t, e, "tracker-tracker"); !strings.Contains(got, c.job) || strings.Contains(got, "the ") {
			t.Errorf("%s: job %s, want %s", c.tracker, got, c.job)
		}
		for _, s := range e.Services {
			for _, m := range s.Files {
				if m.Content.Secret() && (m.Mode != "0600" || m.Owner != "65534:65534" && m.Owner != "1000:1000") {
					t.Errorf("%s: %s of %s has owner %q and mode %q", c.tracker, m.Path, s.Name, m.Owner, m.Mode)
				}
			}
		}
	}
}

// job returns a job of Prometheus in one line.
func job(t *testing.T, e *environments.Environment, name string) string {
	t.Helper()
	var c struct {
		Jobs []yaml.Node `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(text(t, serviceOf(t, e, "prom"), "/etc/prometheus/next/prometheus.yml")), &c); err != nil {
		t.Fatal(err)
	}
	for _, j := range c.Jobs {
		flow(&j)
		line, err := yaml.Marshal(&j)
		if err != nil {
			t.Fatal(err)
		}
		if s := strings.ReplaceAll(strings.Join(strings.Fields(string(line)), " "), "\"", "'"); strings.Contains(s, "job_name: "+name+",") {
			return s
		}
	}
	t.Fatalf("no job %s", name)
	return ""
}

func flow(n *yaml.Node) {
	n.Style |= yaml.FlowStyle
	for _, c := range n.Content {
		flow(c)
	}
}

// Every service has limits and no rights, and none is published.
func TestWatchersAreHardened(t *testing.T) {
	e := mustWatch(t, "", `webhook = "https://example.com/hook"`, "")
	for _, s := range e.Services {
		if s.Name == "tracker" {
			continue
		}
		extra, err := environments.Value{Kind: environments.Encode, Format: "json", Data: s.Extra}.Render(nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.Memory == "" || s.PIDs == 0 || strings.Join(s.CapDrop, " ") != "ALL" || !s.ReadOnly || s.User != "65534:65534" ||
			!strings.Contains(extra, "no-new-privileges:true") {
			t.Errorf("%s: %+v %s", s.Name, s, extra)
		}
		if len(s.Ports) > 0 {
			t.Errorf("%s is published: %v", s.Name, s.Ports)
		}
		if len(s.CapAdd) > 0 && s.Name != "prom-token" {
			t.Errorf("%s has the capabilities %v", s.Name, s.CapAdd)
		}
	}
	if prom, am := serviceOf(t, e, "prom").Web, serviceOf(t, e, "am").Web; prom != 9090 || am != 9093 {
		t.Errorf("what open shows: %d and %d", prom, am)
	}
	if got, _ := e.Files[0].Content.Static(); got != "prom:9090 am:9093 15s" {
		t.Errorf("handles: %s", got)
	}
}

// What can be chosen of Prometheus reaches its command and its files.
func TestPrometheusOptions(t *testing.T) {
	e := mustWatch(t, "", `webhook = "https://example.com/hook"`,
		`alerts = am, retention_time = "90d", retention_size = "20GiB", scrape_interval = "5s", hold = "7m", certificate_days = 21,
    certificates = ["https://tracker.example.com/"], backups = ["nightly"], backup_hours = 10, conntrack_percent = 77, disk_percent = 13,
    udp_errors = 5, node_port = 9999, rules = {"mine": {"groups": []}}, scrape = [{"job_name": "mine"}], memory = "2GiB",
    exporter_memory = "99MiB", image = "prom/prometheus:v3.5.9", images = {"node": "prom/node-exporter:v9"}`)
	prom := serviceOf(t, e, "prom")
	var words []string
	for _, v := range prom.Command {
		words = append(words, v.String())
	}
	command := strings.Join(words, " ")
	config, rules := text(t, prom, "/etc/prometheus/next/prometheus.yml"), text(t, prom, "/etc/prometheus/next/rules/torrust.yml")
	for _, c := range []struct{ in, want string }{
		{command, "--storage.tsdb.retention.time=90d --storage.tsdb.retention.size=20GB"},
		{config, "scrape_interval: 5s"},
		{config, "scrape_timeout: 5s"},
		{config, "- am:9093"},
		{config, "- https://tracker.example.com/"},
		{config, "- host.docker.internal:9999"},
		{config, "- job_name: mine"},
		{rules, "for: 7m"},
		{rules, "< 21 * 86400"},
		{rules, `backup_last_success_timestamp_seconds{backup="nightly"} > 36000`},
		{rules, "> 77"},
		{rules, "< 13"},
		{rules, "[5m]) > 5"},
		{text(t, prom, "/etc/prometheus/next/rules/mine.yml"), "groups: []"},
		{prom.Memory + " " + prom.Image, "2GiB prom/prometheus:v3.5.9"},
		{serviceOf(t, e, "prom-node").Image + " " + serviceOf(t, e, "prom-json").Memory, "prom/node-exporter:v9 99MiB"},
	} {
		if !strings.Contains(c.in, c.want) {
			t.Errorf("want %q in\n%s", c.want, c.in)
		}
	}
	e = mustWatch(t, "", `webhook = "https://example.com/hook"`, "")
	if rules := text(t, serviceOf(t, e, "prom"), "/etc/prometheus/next/rules/torrust.yml"); strings.Contains(rules, "Backup") {
		t.Errorf("no backup is declared, and one is missed:\n%s", rules)
	}
	if config := text(t, serviceOf(t, e, "prom"), "/etc/prometheus/next/prometheus.yml"); strings.Contains(config, "alerting") {
		t.Errorf("alerts go nowhere, and yet:\n%s", config)
	}
}

// URLs and passwords are in files of their own.
func TestAlertmanagerOptions(t *testing.T) {
	e := mustWatch(t, "", `webhook = [secret("HOOK"), "https://example.com/two"], heartbeat = secret("BEAT"), heartbeat_interval = "30s", group_wait = "3s", memory = "99MiB",
    email = smtp(to = ["a@example.com", "b@example.com"], sender = "c@example.com", server = "smtp.example.com:587", username = "c", password = secret("SMTP"))`, "")
	am := serviceOf(t, e, "am")
	for path, want := range map[string]string{
		"/etc/alertmanager/secrets/webhook-0": "the HOOK", "/etc/alertmanager/secrets/webhook-1": "https://example.com/two",
		"/etc/alertmanager/secrets/heartbeat": "the BEAT", "/etc/alertmanager/secrets/smtp": "the SMTP",
	} {
		if got := text(t, am, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	config := text(t, am, "/etc/alertmanager/next/alertmanager.yml")
	for _, want := range []string{
		"url_file: /etc/alertmanager/secrets/webhook-1", "auth_password_file: /etc/alertmanager/secrets/smtp", "to: a@example.com, b@example.com",
		"group_interval: 30s", "group_wait: 3s",
	} {
		if !strings.Contains(config, want) {
			t.Errorf("want %q in\n%s", want, config)
		}
	}
	if strings.Contains(config, "the ") || am.Memory != "99MiB" {
		t.Errorf("%s: %s", am.Memory, config)
	}
}

// What cannot work is said at the line, with what to do.
func TestWatchingThatCannotWork(t *testing.T) {
	const hook = `webhook = "https://example.com/hook"`
	for _, c := range []struct{ tracker, alertmanager, prometheus, want string }{
		{"", "", "", `e.star:5:6: alertmanager "am": neither email nor webhook is given`},
		{"", `webhook = "example.com"`, "", `alertmanager "am": webhook: "example.com" does not start with https:// or http://`},
		{"", `webhook = 7`, "", `alertmanager "am": webhook: got int, want URL`},
		{"", `email = "a@example.com"`, "", `alertmanager "am": email: got string, want smtp(…)`},
		{"", `email = smtp(to = ["a@b.c"], sender = "a@b.c", server = "smtp")`, "", `smtp: server: got "smtp", want host:port`},
		{"", `email = smtp(to = ["a@b.c"], sender = "a@b.c", server = "smtp:25", username = "x")`, "", `smtp: username and password go together`},
		{"api = None", hook, "", `prometheus "prom": targets: tracker "tracker" has no API, which tells the metrics`},
		{"", hook, `alerts = "am"`, `prometheus "prom": alerts: got string, want what alertmanager(…) returned`},
		{"", hook, `retention_size = "5G"`, `prometheus "prom": retention_size: got "5G", want a size`},
		{"", hook, `retention_time = "month"`, `prometheus "prom": retention_time: got "month", want a number with s, m, h, d, w, y`},
		{"", hook, `certificates = ["x.example.com"]`, `prometheus "prom": certificates: "x.example.com" does not start with https://`},
		{"", hook, `images = {"mysql": "mysql:9"}`, `prometheus "prom": images: unknown image "mysql"`},
		{"", hook, `rules = {"../x": ""}`, `prometheus "prom": rules: "../x" is not a name of a file`},
	} {
		_, err := watched(t, c.tracker, c.alertmanager, c.prometheus)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s %s: got %v, want %s", c.tracker, c.alertmanager, c.prometheus, err, c.want)
		}
	}
}
