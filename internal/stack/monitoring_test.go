package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// evaluate loads an environment file whose machine is called web.
func evaluate(t *testing.T, body string) *environments.Environment {
	t.Helper()
	root := t.TempDir()
	src := `load("@torrust//monitoring.star", "alertmanager", "prometheus", "smtp")
load("@torrust//tracker.star", "tracker")
web = vm(name = "web", provider = simulated("machines/web"))
` + body
	if err := os.WriteFile(filepath.Join(root, "e.star"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// target is what Prometheus says of one.
type target struct {
	Labels    map[string]string `json:"labels"`
	LastError string            `json:"lastError"`
	Health    string            `json:"health"`
}

func (w *world) targets() ([]target, error) {
	body, err := w.get("http://prom:9090/api/v1/targets")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			ActiveTargets []target `json:"activeTargets"`
		} `json:"data"`
	}
	err = json.Unmarshal([]byte(body), &answer)
	return answer.Data.ActiveTargets, err
}

// query returns the value of an expression that has one result.
func (w *world) query(expr string) (value string, err error) {
	body, err := w.get("http://prom:9090/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return "", err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return "", err
	}
	if len(answer.Data.Result) != 1 {
		return "", fmt.Errorf("%s has %d results: %s", expr, len(answer.Data.Result), body)
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1]), nil
}

// awaitUp waits until Prometheus gets metrics from n targets, and from all.
func (w *world) awaitUp(n int) {
	w.t.Helper()
	w.await(fmt.Sprintf("%d targets are up", n), func() error {
		targets, err := w.targets()
		if err == nil && len(targets) != n {
			err = fmt.Errorf("there are %d targets: %v", len(targets), targets)
		}
		for _, target := range targets {
			if target.Health != "up" {
				err = fmt.Errorf("%v", target)
			}
		}
		return err
	})
}

// post is what came to a server of the test.
type post struct{ path, body string }

// mailbox takes posts on port 8888 of the machine.
type mailbox struct {
	mu    sync.Mutex
	posts []post
}

func (w *world) mailbox() *mailbox {
	w.t.Helper()
	m := &mailbox{}
	l, err := w.host.Listen("tcp", gateway+":8888")
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.posts = append(m.posts, post{r.URL.Path, string(body)})
	})}
	go server.Serve(l)
	w.t.Cleanup(func() { server.Close() })
	return m
}

// find returns a post to a path that has every one of some texts in it.
func (m *mailbox) find(path string, texts ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
next:
	for _, p := range m.posts {
		if p.path != path {
			continue
		}
		for _, text := range texts {
			if !strings.Contains(p.body, text) {
				continue next
			}
		}
		return nil
	}
	return fmt.Errorf("nothing at %s has %q in it: %v", path, texts, m.posts)
}

// tokenCanary has to be encoded in a URL, in JSON, and in YAML.
const tokenCanary = `Canary%20"&+=/Zx9`

// A stack as people declare it: everything is up, every announce is counted
// where it belongs, a fault arrives where alerts are sent to, and the token
// stays in its files all the while.
func TestStackIsWatched(t *testing.T) {
	e := evaluate(t, `
trk = tracker(name = "tracker", host = web, admin_token = secret("ADMIN_TOKEN"))
am = alertmanager(name = "am", host = web, webhook = secret("WEBHOOK"), heartbeat = secret("HEARTBEAT"),
    group_wait = "1s", group_interval = "2s", heartbeat_interval = "3s")
prometheus(name = "prom", host = web, targets = [trk], alerts = am, scrape_interval = "2s", hold = "4s")
`)
	hook, beat := "http://"+gateway+":8888/hook-canary", "http://"+gateway+":8888/beat-canary"
	w := newWorld(t, e, map[string]string{"ADMIN_TOKEN": tokenCanary, "WEBHOOK": hook, "HEARTBEAT": beat})
	mail := w.mailbox()
	w.start(e)
	w.awaitUp(6)
	w.countsAnnounces()
	w.await("the heartbeat arrives", func() error { return mail.find("/beat-canary", `"alertname":"Heartbeat"`) })
	w.isNotReachable()

	w.stop("tracker")
	w.await("the alert arrives", func() error {
		return mail.find("/hook-canary", `"alertname":"TrackerUnhealthy"`, `"tracker":"tracker"`, `"status":"firing"`)
	})
	if err := mail.find("/hook-canary", "Heartbeat"); err == nil {
		t.Error("the heartbeat went to people")
	}
	for _, target := range mustTargets(t, w) {
		if target.Labels["job"] == "tracker" && (target.Health != "down" || target.LastError == "") {
			t.Errorf("the tracker is gone, and its target is %v", target)
		}
	}
	w.tokenStaysInItsFiles()

	w.relaunch("tracker")
	w.await("the tracker is healthy again", func() error { return w.healthy("tracker") })
	w.awaitUp(6)
	w.await("its counters are found again", func() error { return w.healthy("prom-net-tracker") })
	w.await("the end of the alert arrives", func() error {
		return mail.find("/hook-canary", `"alertname":"TrackerUnhealthy"`, `"status":"resolved"`)
	})
	w.tokenStaysInItsFiles()
	for _, url := range []string{hook, beat} {
		if places := w.leaks(url, "/secrets/webhook-0", "/secrets/heartbeat"); len(places) > 0 {
			t.Errorf("%s is in %v", url, places)
		}
	}
}

func mustTargets(t *testing.T, w *world) []target {
	t.Helper()
	targets, err := w.targets()
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// countsAnnounces sends 100 announces per protocol and family, and wants each
// counter to move by what it counts and by nothing else.
func (w *world) countsAnnounces() {
	w.t.Helper()
	type way struct{ protocol, family string }
	ways := []way{{"udp", "inet"}, {"udp", "inet6"}, {"http", "inet"}, {"http", "inet6"}}
	count := func(x way) string {
		return fmt.Sprintf("torrust_tracker_announces_total{job=%q,tracker=%q,protocol=%q,family=%q}", "tracker", "tracker", x.protocol, x.family)
	}
	want := map[way]string{}
	for _, x := range ways {
		want[x] = "0"
	}
	for _, x := range ways {
		w.announce("tracker", x.protocol, x.family, 100)
		want[x] = "100"
		w.await(fmt.Sprintf("100 announces over %s and %s are seen", x.protocol, x.family), func() error {
			if got, err := w.query(count(x)); got != "100" || err != nil {
				return fmt.Errorf("%s is %s %w", count(x), got, err)
			}
			return nil
		})
		for _, other := range ways {
			if got, err := w.query(count(other)); got != want[other] || err != nil {
				w.t.Errorf("after announces over %v, %s is %s, want %s %v", x, count(other), got, want[other], err)
			}
		}
	}
	received, err := w.query(`node_netstat_Udp_InDatagrams{job="netns",tracker="tracker"}`)
	if err != nil || len(received) < 3 {
		w.t.Errorf("the tracker's namespace has received %s datagrams %v", received, err)
	}
}

// isNotReachable wants the exporter of the machine to listen on the address
// that containers have for it, and on no other.
func (w *world) isNotReachable() {
	w.t.Helper()
	if _, err := w.get("http://" + dockerBridge + ":9100/metrics"); err != nil {
		w.t.Error(err)
	}
	for _, address := range []string{"127.0.0.1:9100", gateway + ":9100", "[" + gateway6 + "]:9100"} {
		if _, err := w.get("http://" + address + "/metrics"); err == nil {
			w.t.Errorf("node_exporter answers on %s", address)
		}
	}
}

// tokenStaysInItsFiles looks for the tracker's token wherever it may have got.
func (w *world) tokenStaysInItsFiles() {
	w.t.Helper()
	for _, place := range w.leaks(tokenCanary, "/tracker/etc/torrust/tracker/tracker.toml", "/prom-token/etc/caddy/tokens/tracker") {
		w.t.Errorf("the token is in %s", place)
	}
	for _, url := range []string{
		"http://prom:9090/api/v1/targets", "http://prom:9090/targets", "http://prom:9090/api/v1/status/config",
		"http://prom:9090/api/v1/status/flags", "http://prom-token:9180/tracker", "http://prom-token:9180/other",
		"http://prom-json:7979/probe?module=stats&target=http://prom-token:9180/tracker", "http://prom-json:7979/metrics",
	} {
		body, err := w.get(url)
		if shows([]byte(body+fmt.Sprint(err)), tokenCanary) {
			w.t.Errorf("%s shows the token: %s %v", url, body, err)
		}
	}
}

// What looks for secrets finds one that was planted.
func TestLeaksAreFound(t *testing.T) {
	w := &world{t: t, dir: t.TempDir(), running: map[string]*container{}}
	for i, content := range spellings(tokenCanary) {
		place := filepath.Join(w.dir, "data", fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place, []byte("x"+content+"y"), 0o644); err != nil {
			t.Fatal(err)
		}
		if places := w.leaks(tokenCanary, "/meant"); len(places) != i+1 {
			t.Errorf("%q: found %v", content, places)
		}
	}
}

// A tracker of the development generation is asked by Prometheus itself, with
// the token in a header that it reads from a file.
func TestDevelopmentGenerationIsWatched(t *testing.T) {
	e := evaluate(t, `
trk = tracker(name = "tracker", host = web, generation = "develop", tokens = {"prometheus": secret("SCRAPE")}, admin_token = secret("ADMIN"))
prometheus(name = "prom", host = web, targets = [trk], scrape_interval = "2s")
`)
	const scrape = "ScrapeCanary7Zq"
	w := newWorld(t, e, map[string]string{"SCRAPE": scrape, "ADMIN": tokenCanary})
	w.start(e)
	w.awaitUp(5)
	w.announce("tracker", "udp", "inet", 10)
	const counter = `sum(udp_tracker_server_requests_accepted_total{job="tracker",tracker="tracker",request_kind="announce"})`
	w.await("its announces are seen", func() error {
		if got, err := w.query(counter); got != "10" || err != nil {
			return fmt.Errorf("%s is %s %w", counter, got, err)
		}
		return nil
	})
	for _, place := range w.leaks(scrape, "/tracker/etc/torrust/tracker/tracker.toml", "/prom/etc/prometheus/tokens/tracker") {
		t.Errorf("the token is in %s", place)
	}
	for _, url := range []string{"http://prom:9090/api/v1/targets", "http://prom:9090/api/v1/status/config"} {
		if body, err := w.get(url); err != nil || shows([]byte(body), scrape) {
			t.Errorf("%s shows the token: %s %v", url, body, err)
		}
	}
	if content, err := os.ReadFile(filepath.Join(w.dir, "files/prom/etc/prometheus/tokens/tracker")); string(content) != scrape || err != nil {
		t.Errorf("its file holds %q %v", content, err)
	}
}
