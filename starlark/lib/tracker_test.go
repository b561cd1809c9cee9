package lib_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// tracker evaluates a file with a tracker of these arguments.
func tracker(t *testing.T, arguments string) *environments.Environment {
	t.Helper()
	root := t.TempDir()
	src := `load("@torrust//tracker.star", "tracker", "listener", "sqlite")
db = struct(driver = "mysql", host = "mysql", port = 3306, user = "torrust", password = secret("DB"), database = "tracker", service = None)
web = vm(name = "web", provider = simulated("machines/web"))
trk = tracker(name = "tracker", host = web, ` + arguments + `)
config_file(name = "endpoints", host = web, path = "/endpoints", content = ",".join([e.internal for e in trk.udp + trk.http + ([trk.api] if trk.api else [])]))
`
	if err := os.WriteFile(filepath.Join(root, "e.star"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// The configuration of a tracker with several listeners, exactly.
func TestTrackerConfiguration(t *testing.T) {
	e := tracker(t, `udp = [6969, 6868], http = [7070], tokens = {"prometheus": secret("SCRAPE")}, announce_interval = 300, external_ip = "203.0.113.7", listed = True`)
	m := e.Services[0].Files[0]
	if m.Path != "/etc/torrust/tracker/tracker.toml" || m.Owner != "1000:1000" || m.Mode != "0600" || !m.Content.Secret() {
		t.Errorf("mount: %+v", m)
	}
	text, err := m.Content.Render(func(v environments.Value) (string, error) { return "the " + v.Name, nil })
	if err != nil {
		t.Fatal(err)
	}
	want := `[core]
listed = true
private = false

[core.announce_policy]
interval = 300
interval_min = 300

[core.database]
driver = 'sqlite3'
path = '/var/lib/torrust/tracker/database/sqlite3.db'

[core.net]
external_ip = '203.0.113.7'
on_reverse_proxy = false

[health_check_api]
bind_address = '0.0.0.0:1313'

[http_api]
bind_address = '0.0.0.0:1212'

[http_api.access_tokens]
admin = 'the TRACKER_ADMIN_TOKEN'
prometheus = 'the SCRAPE'

[[http_trackers]]
bind_address = '0.0.0.0:7070'

[[http_trackers]]
bind_address = '[::]:7070'

[logging]
threshold = 'warn'

[metadata]
app = 'torrust-tracker'
purpose = 'configuration'
schema_version = '2.0.0'

[[udp_trackers]]
bind_address = '0.0.0.0:6969'

[[udp_trackers]]
bind_address = '[::]:6969'

[[udp_trackers]]
bind_address = '0.0.0.0:6868'

[[udp_trackers]]
bind_address = '[::]:6868'
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// What a service publishes and how it runs follows from the options.
func TestTrackerOptions(t *testing.T) {
	cases := []struct {
		arguments string
		ports     string
		endpoints string
		probes    string
		has       string // of the environment as JSON
		hasNot    string
	}{
		{
			arguments: "",
			ports:     "6969/udp, 7070/tcp, 127.0.0.1:1212/tcp, 127.0.0.1:1313/tcp",
			endpoints: "tracker:6969,tracker:7070,tracker:1212",
			probes:    "tracker-udp-6969 tracker-http-7070 tracker-api tracker-api-refused tracker-health",
			has:       `"name":"net.ipv6.bindv6only","value":{"kind":"literal","text":"1"}`,
		},
		{
			arguments: "listed = True",
			ports:     "6969/udp, 7070/tcp, 127.0.0.1:1212/tcp, 127.0.0.1:1313/tcp",
			endpoints: "tracker:6969,tracker:7070,tracker:1212",
			probes:    "tracker-http-7070 tracker-api tracker-api-refused tracker-health",
			has:       `{"key":"stop_signal","value":{"text":{"kind":"literal","text":"SIGINT"}}}`,
		},
		{
			arguments: "dual_stack = False",
			ports:     "0.0.0.0:6969/udp, 0.0.0.0:7070/tcp, 127.0.0.1:1212/tcp, 127.0.0.1:1313/tcp",
			endpoints: "tracker:6969,tracker:7070,tracker:1212",
			probes:    "tracker-udp-6969 tracker-http-7070 tracker-api tracker-api-refused tracker-health",
			hasNot:    "[::]",
		},
		{
			arguments: "api = None, udp = [1], http = []",
			ports:     "1/udp, 127.0.0.1:1313/tcp",
			endpoints: "tracker:1",
			probes:    "tracker-udp-1 tracker-health",
			hasNot:    "http_api",
		},
		{
			arguments: `api_public = True, admin_token = secret("TOKEN")`,
			ports:     "6969/udp, 7070/tcp, 0.0.0.0:1212/tcp, 127.0.0.1:1313/tcp",
			endpoints: "tracker:6969,tracker:7070,tracker:1212",
			probes:    "tracker-udp-6969 tracker-http-7070 tracker-api tracker-api-refused tracker-health",
			has:       `"attribute":"port:1212"`,
			hasNot:    "TRACKER_ADMIN_TOKEN",
		},
		{
			arguments: "private = True, udp = []",
			ports:     "7070/tcp, 127.0.0.1:1212/tcp, 127.0.0.1:1313/tcp",
			endpoints: "tracker:7070,tracker:1212",
			probes:    "tracker-http-7070-refused tracker-http-7070 tracker-api tracker-api-refused tracker-health",
			has:       `"key":"private","value":{"bool":true}`,
			hasNot:    `"httpTracker"`,
		},
		{
			arguments: `proxied = True, image = "torrust/tracker:3.0.0-rc.1", memory = "1GiB", log_level = "info"`,
			ports:     "6969/udp, 127.0.0.1:1212/tcp, 127.0.0.1:1313/tcp",
			endpoints: "tracker:6969,tracker:7070,tracker:1212",
			probes:    "tracker-udp-6969 tracker-api tracker-api-refused tracker-health",
			has:       `"key":"on_reverse_proxy","value":{"bool":true}`,
			hasNot:    "torrust/tracker:3.0.0\"",
		},
	}
	for _, c := range cases {
		e := tracker(t, c.arguments)
		var ports, probes []string
		for _, p := range e.Services[0].Ports {
			data, _ := json.Marshal(p.Port)
			address := p.Address
			if address != "" {
				address += ":"
			}
			ports = append(ports, address+string(data)+"/"+p.Proto)
		}
		for _, p := range e.Probes {
			probes = append(probes, p.Name)
		}
		encoded, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		text := string(encoded)
		if got := strings.Join(ports, ", "); got != c.ports {
			t.Errorf("%s: ports %s, want %s", c.arguments, got, c.ports)
		}
		if got := strings.Join(probes, " "); got != c.probes {
			t.Errorf("%s: probes %s, want %s", c.arguments, got, c.probes)
		}
		if got, _ := e.Files[0].Content.Static(); got != c.endpoints {
			t.Errorf("%s: endpoints %s, want %s", c.arguments, got, c.endpoints)
		}
		if !strings.Contains(text, c.has) || c.hasNot != "" && strings.Contains(text, c.hasNot) {
			t.Errorf("%s: want %q and not %q in %s", c.arguments, c.has, c.hasNot, text)
		}
	}
}

// The API is asked with the token, and without it must refuse.
func TestTrackerProbes(t *testing.T) {
	e := tracker(t, `admin_token = secret("TOKEN")`)
	got := map[string]string{}
	for _, p := range e.Probes {
		for _, v := range []*environments.Value{p.UDPTracker, p.HTTPTracker, p.HTTP} {
			if v != nil {
				got[p.Name] = v.String()
			}
		}
	}
	want := map[string]string{
		"tracker-udp-6969":    "udp://(vm:web ipv4):(vm:web port:6969)",
		"tracker-http-7070":   "http://(vm:web ipv4):(vm:web port:7070)/announce",
		"tracker-api":         "http://127.0.0.1:1212/api/v1/stats?token=%28secret%20TOKEN%29",
		"tracker-api-refused": "http://127.0.0.1:1212/api/v1/stats",
		"tracker-health":      "http://127.0.0.1:1313/health_check",
	}
	for name, url := range want {
		if got[name] != url {
			t.Errorf("%s asks %q, want %q", name, got[name], url)
		}
	}
	i := slices.IndexFunc(e.Probes, func(p environments.Probe) bool { return p.Name == "tracker-api-refused" })
	if x := e.Probes[i].Expect; x.Status != 500 || x.Body != "unauthorized" || !e.Probes[i].Inside {
		t.Errorf("refused: %+v", e.Probes[i])
	}
}

// A token in the file is allowed, with a warning.
func TestTrackerTokenInTheFile(t *testing.T) {
	e := tracker(t, `admin_token = "letmein"`)
	if len(e.Warnings) != 1 || e.Warnings[0].Position.Line != 4 || strings.Contains(e.Warnings[0].Message, "letmein") {
		t.Errorf("warnings: %+v", e.Warnings)
	}
	text, ok := e.Services[0].Files[0].Content.Static()
	if !ok {
		t.Fatal("the configuration waits for something")
	}
	var parsed map[string]any
	if err := toml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Error(err)
	}
}
