package lib_test

import (
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/internal/lab/trackerconfig"
)

// configuration returns the tracker's configuration file as it is rendered
// with these arguments; secrets are "the NAME", refs "203.0.113.9".
func configuration(t *testing.T, arguments string) string {
	t.Helper()
	e := tracker(t, arguments)
	text, err := e.Services[0].Files[0].Content.Render(func(v environments.Value) (string, error) {
		if v.Kind == environments.Ref {
			return "203.0.113.9", nil
		}
		return "the " + v.Name, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Every option of the library gives a file that the schema of its generation
// takes, and that the other refuses.
func TestTrackerSchemas(t *testing.T) {
	both := []string{
		"",
		"private = True, udp = []",
		"private = True, udp = [], check_keys_expiration = False",
		"listed = True, dual_stack = False",
		"api = None, http = []",
		"udp = [], proxied = True",
		`database = db, persistent_completed = True`,
		`database = sqlite("other.db")`,
		`external_ip = web.ipv4`,
		`external_ip = "2001:db8::1"`,
		`udp = [6969, listener(6868, domain = "udp2.example.com")], http = [listener(7070, domain = "a.example.com", address = "::")]`,
		`api = listener(1212, domain = "api.example.com", proxied = True), admin_token = secret("T"), tokens = {"prometheus": secret("S")}`,
		`announce_interval = 300, announce_interval_min = 60, peer_timeout = 1200, cleanup_interval = 90, remove_peerless = False, usage_statistics = False, log_level = "error", health = 1414`,
	}
	develop := []string{
		`max_peers = 30, log_style = "json", connection_id_validation = "disabled", max_connection_id_errors = 20, ip_bans_reset = 7200`,
		`http = [listener(7070, proxied = True, domain = "a.example.com"), listener(7071, ip_from_query = True)], udp = [listener(6969, cookie_lifetime = 60, statistics = False, external_ip = "203.0.113.7")]`,
	}
	cases := map[string][]string{trackerconfig.Released: both, trackerconfig.Development: append(both, develop...)}
	generation := map[string]string{trackerconfig.Released: "3.0", trackerconfig.Development: "develop"}
	for version, list := range cases {
		other := trackerconfig.Released
		if version == other {
			other = trackerconfig.Development
		}
		for _, arguments := range list {
			text := configuration(t, `generation = "`+generation[version]+`", `+arguments)
			if _, err := trackerconfig.Parse(version, []byte(text)); err != nil {
				t.Errorf("%s: %v\n%s", arguments, err, text)
			}
			if _, err := trackerconfig.Parse(other, []byte(text)); err == nil {
				t.Errorf("%s: the schema %s takes it too", arguments, other)
			}
		}
	}
}

// The configuration of the development generation with everything in it, exactly.
func TestTrackerDevelop(t *testing.T) {
	got := configuration(t, `generation = "develop", database = db, external_ip = web.ipv4,
		udp = [listener(6969, domain = "udp.example.com", cookie_lifetime = 60)],
		http = [listener(7070, domain = "http.example.com", proxied = True), listener(7071, address = "::", statistics = False)],
		api = listener(1212, domain = "api.example.com", proxied = True), admin_token = secret("TOKEN"),
		max_peers = 50, log_style = "json", persistent_completed = True, ip_bans_reset = 3600`)
	want := `[core]
listed = false
private = false

[core.announce_policy]
interval = 120
interval_min = 120
max_peers_per_announce = 50

[core.database]
database = 'tracker'
driver = 'mysql'
host = 'mysql'
password = 'the DB'
port = 3306
user = 'torrust'

[core.tracker_policy]
persistent_torrent_completed_stat = true

[health_check_api]
bind_address = '0.0.0.0:1313'

[http_api]
bind_address = '0.0.0.0:1212'
public_url = 'https://api.example.com'

[http_api.access_tokens]
admin = 'the TOKEN'

[[http_trackers]]
bind_address = '0.0.0.0:7070'
public_url = 'https://http.example.com/announce'
tracker_usage_statistics = true

[http_trackers.network]
external_ip = '203.0.113.9'
on_reverse_proxy = true

[[http_trackers]]
bind_address = '[::]:7070'
public_url = 'https://http.example.com/announce'
tracker_usage_statistics = true

[http_trackers.network]
ipv6_v6only = true
on_reverse_proxy = true

[[http_trackers]]
bind_address = '[::]:7071'
tracker_usage_statistics = false

[http_trackers.network]
external_ip = '203.0.113.9'
ipv6_v6only = true

[logging]
trace_filter = 'warn'
trace_style = 'json'

[metadata]
app = 'torrust-tracker'
purpose = 'configuration'
schema_version = '3.0.0'

[udp_tracker_server]
ip_bans_reset_interval_in_secs = 3600

[[udp_trackers]]
bind_address = '0.0.0.0:6969'
public_url = 'udp://udp.example.com:6969/announce'
tracker_usage_statistics = true

[udp_trackers.cookie_lifetime]
nanos = 0
secs = 60

[udp_trackers.network]
external_ip = '203.0.113.9'

[[udp_trackers]]
bind_address = '[::]:6969'
public_url = 'udp://udp.example.com:6969/announce'
tracker_usage_statistics = true

[udp_trackers.cookie_lifetime]
nanos = 0
secs = 60

[udp_trackers.network]
ipv6_v6only = true
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// A password of MySQL may be anything: the first generation has it in a URL.
func TestTrackerDatabaseURL(t *testing.T) {
	e := tracker(t, `database = struct(driver = "mysql", host = "db.example.com", port = 3307, user = "us er", password = "p@ss:w/0rd#%", database = "tracker", service = None)`)
	text := e.Services[0].Files[0].Content.String()
	if want := `path = 'mysql://us%20er:p%40ss%3Aw%2F0rd%23%25@db.example.com:3307/tracker'`; !strings.Contains(text, want) {
		t.Errorf("no %s in\n%s", want, text)
	}
	for _, v := range e.Services[0].Environment {
		if v.Name == "TORRUST_TRACKER_CONFIG_OVERRIDE_CORE__DATABASE__DRIVER" && v.Value.Text != "mysql" {
			t.Errorf("the entry script is told %q", v.Value.Text)
		}
	}
}

// Where a listener is published follows from its address; the sysctl is for
// the generation that has no setting of its own.
func TestTrackerListeners(t *testing.T) {
	e := tracker(t, `generation = "develop", udp = [listener(6969, address = "0.0.0.0"), listener(6969, address = "::")],
		http = [listener(7070, address = "127.0.0.1"), listener(7071, domain = "h.example.com", proxied = True)]`)
	s := e.Services[0]
	if len(s.Sysctls) != 0 {
		t.Errorf("sysctls: %v", s.Sysctls)
	}
	var got []string
	for _, p := range s.Ports[:3] {
		got = append(got, p.Address)
	}
	if strings.Join(got, " ") != "0.0.0.0 :: 127.0.0.1" || len(s.Ports) != 5 {
		t.Errorf("ports: %+v", s.Ports)
	}
	asked := map[string]string{}
	for _, p := range e.Probes {
		for _, v := range []*environments.Value{p.UDPTracker, p.HTTPTracker} {
			if v != nil {
				asked[p.Name] = v.String()
			}
		}
	}
	want := map[string]string{
		"tracker-udp-6969":  "udp://(vm:web ipv4):(vm:web port:6969)",
		"tracker-udp6-6969": "udp://[(vm:web ipv6)]:(vm:web port:6969)",
		"tracker-http-7070": "http://127.0.0.1:7070/announce",
	}
	if len(asked) != len(want) {
		t.Errorf("asked: %v", asked)
	}
	for name, url := range want {
		if asked[name] != url {
			t.Errorf("%s asks %q, want %q", name, asked[name], url)
		}
	}
}

// What the targets are given: the token on standard input and nowhere else.
func TestTrackerTargets(t *testing.T) {
	e := tracker(t, `admin_token = secret("TOKEN")`)
	if len(e.Tasks) != 2 || e.Tasks[0].Name != "tracker-whitelist" || e.Tasks[1].Name != "tracker-key" {
		t.Fatalf("tasks: %+v", e.Tasks)
	}
	for _, task := range e.Tasks {
		if task.Stdin == nil || !task.Stdin.Secret() || task.Host != "web" {
			t.Errorf("%s: stdin %v on %q", task.Name, task.Stdin, task.Host)
		}
		for _, word := range task.Run[0] {
			if word.Secret() {
				t.Errorf("%s: a secret in %v", task.Name, word)
			}
		}
		for _, v := range task.Env {
			if v.Value.Secret() {
				t.Errorf("%s: a secret in %s", task.Name, v.Name)
			}
		}
	}
	if e := tracker(t, "api = None"); len(e.Tasks) != 0 {
		t.Errorf("tasks without an API: %+v", e.Tasks)
	}
}
