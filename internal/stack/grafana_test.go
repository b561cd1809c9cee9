package stack

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
)

// passwordCanary has to be encoded in a URL and in JSON.
const passwordCanary = `Grafana%20"&+=/Zx9`

// panel is what the tests read of one.
type panel struct {
	Title   string           `json:"title"`
	Targets []map[string]any `json:"targets"`
}

// asks Grafana's API as the admin and decodes the answer into v.
func (w *world) grafana(password, method, path string, body string, v any) error {
	r, err := http.NewRequest(method, "http://"+net.JoinHostPort(w.running["grafana"].address, "3000")+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.SetBasicAuth("admin", password)
	client := http.Client{Transport: &http.Transport{DialContext: w.host.DialContext, DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	if err != nil || v == nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// panels returns those of every dashboard that Grafana lists, rows left out.
func (w *world) panels(password string) (all []panel) {
	w.t.Helper()
	var found []struct{ UID string }
	if err := w.grafana(password, "GET", "/api/search?type=dash-db", "", &found); err != nil {
		w.t.Fatal(err)
	}
	for _, f := range found {
		var said struct {
			Dashboard struct{ Panels []panel } `json:"dashboard"`
		}
		if err := w.grafana(password, "GET", "/api/dashboards/uid/"+f.UID, "", &said); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, said.Dashboard.Panels...)
	}
	return slices.DeleteFunc(all, func(p panel) bool { return len(p.Targets) == 0 })
}

// show asks what a query of a panel shows at the moment, and returns its
// values.
func (w *world) show(password string, query map[string]any) (values []float64, err error) {
	body, err := json.Marshal(map[string]any{"from": "now-5m", "to": "now", "queries": []any{query}})
	if err != nil {
		return nil, err
	}
	var said struct {
		Results map[string]struct {
			Error  string
			Frames []struct {
				Data struct{ Values [][]float64 }
			}
		}
	}
	if err := w.grafana(password, "POST", "/api/ds/query", string(body), &said); err != nil {
		return nil, fmt.Errorf("%v: %w", query["expr"], err)
	}
	for _, f := range said.Results["A"].Frames {
		values = append(values, f.Data.Values[1]...)
	}
	return values, nil
}

// The dashboards of both generations, provisioned as declared: the real
// Prometheus takes every expression, and 100 announces of a protocol and a
// family move the number that counts them by 100, and no other.
func TestDashboardsShowWhatHappens(t *testing.T) {
	for _, g := range generations {
		t.Run(g.name, func(t *testing.T) {
			e := evaluate(t, fmt.Sprintf(`
load("@torrust//grafana.star", "grafana")
trk = tracker(name = "tracker", host = web, generation = %q, admin_token = secret("ADMIN_TOKEN"))
prom = prometheus(name = "prom", host = web, targets = [trk], scrape_interval = "2s")
grafana(name = "grafana", host = web, datasource = prom, admin_password = secret("PW", generate = True))
`, g.name))
			w := newWorld(t, e, map[string]string{"ADMIN_TOKEN": tokenCanary, "PW": passwordCanary})
			w.start(e)
			w.await("Prometheus gets the tracker's numbers", func() error {
				if got, err := w.query(`up{job="tracker"}`); got != "1" || err != nil {
					return fmt.Errorf("up is %s %w", got, err)
				}
				return nil
			})
			panels := w.panels(passwordCanary)
			for _, p := range panels {
				for _, q := range p.Targets {
					q["refId"], q["instant"], q["range"] = "A", true, false
					if _, err := w.show(passwordCanary, q); err != nil {
						t.Errorf("%s: %v", p.Title, err)
					}
				}
			}
			w.dashboardsCount(panels)
			w.passwordRotates(e)
		})
	}
}

func (w *world) dashboardsCount(panels []panel) {
	w.t.Helper()
	type way struct{ protocol, family, title string }
	ways := []way{
		{"udp", "inet", "Announces over UDP, IPv4"}, {"udp", "inet6", "Announces over UDP, IPv6"},
		{"http", "inet", "Announces over HTTP, IPv4"}, {"http", "inet6", "Announces over HTTP, IPv6"},
	}
	count := func(x way) (float64, error) {
		i := slices.IndexFunc(panels, func(p panel) bool { return p.Title == x.title })
		if i < 0 {
			return 0, fatal{fmt.Errorf("no panel %q among %d", x.title, len(panels))}
		}
		values, err := w.show(passwordCanary, panels[i].Targets[0])
		if err == nil && len(values) != 1 {
			err = fmt.Errorf("%q shows %v", x.title, values)
		}
		if err != nil {
			return 0, err
		}
		return values[0], nil
	}
	want := map[way]float64{}
	for _, x := range ways {
		if n, err := count(x); n != 0 || err != nil {
			w.t.Fatalf("%q is %v before the first announce: %v", x.title, n, err)
		}
	}
	for _, x := range ways {
		w.announce("tracker", x.protocol, x.family, 100)
		want[x] = 100
		w.await(x.title+" is 100", func() error {
			if n, err := count(x); n != 100 || err != nil {
				return fmt.Errorf("%q is %v %w", x.title, n, err)
			}
			return nil
		})
		for _, other := range ways {
			if n, err := count(other); n != want[other] || err != nil {
				w.t.Errorf("after announces for %q, %q is %v, want %v %v", x.title, other.title, n, want[other], err)
			}
		}
	}
}

// passwordRotates goes through the rotation as `secrets rotate` would: the
// container and its process stay, the old password is refused.
func (w *world) passwordRotates(e *environments.Environment) {
	w.t.Helper()
	const file = "/grafana/etc/grafana/secrets/admin_password"
	login := func(want bool) {
		w.t.Helper()
		if said, err := w.trackerTarget(e, "grafana", "grafana-login", nil); (err == nil) != want {
			w.t.Errorf("login says %q (%v), want %v", said, err, want)
		}
	}
	login(true)
	if places := w.leaks(passwordCanary, file); len(places) > 0 {
		w.t.Errorf("the password is in %v", places)
	}
	const renewed = "another/Password 8"
	w.secrets["PW"] = renewed
	login(false)
	task, _ := e.Task("grafana-password")
	var argv []string
	for _, word := range task.Run[0] {
		argv = append(argv, w.render(word))
	}
	i := slices.Index(argv, "exec") // docker compose … exec -T SERVICE ARGV…
	said, err := w.exec("grafana", append([]string{"/bin/sh", "-c", `printf '%s\n' "$0" | "$@"`, renewed}, argv[i+3:]...)...)
	if err != nil || !strings.Contains(said, "changed successfully") {
		w.t.Fatalf("reset says %q (%v)", said, err)
	}
	login(true)
	if err := w.grafana(passwordCanary, "GET", "/api/org", "", nil); err == nil || !strings.Contains(err.Error(), "401") {
		w.t.Errorf("with the old password: %v", err)
	}
	if places := w.leaks(renewed, file); len(places) > 0 {
		w.t.Errorf("the new password is in %v", places)
	}
}
