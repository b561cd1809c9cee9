//lint:file-ignore SA1019 provisioning reads the first dashboard model, and that one is meant

package lib_test

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// boards returns the dashboards that grafana() mounts by default, by name, for
// a tracker of each generation.
func boards(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, m := range service(t, grafana(t, ""), "grafana").Files {
		if path.Ext(m.Path) != ".json" {
			continue
		}
		text, known := m.Content.Static()
		if !known {
			t.Fatalf("%s waits for something", m.Path)
		}
		found[strings.TrimSuffix(path.Base(m.Path), ".json")] = []byte(text)
	}
	return found
}

// validate decodes a dashboard and says what Grafana's own types do not know,
// down to the options of its panels and their queries.
func validate(raw []byte) (dashboard.Dashboard, error) {
	plugins.RegisterDefaultPlugins()
	var d, strict dashboard.Dashboard
	// Where nothing is wrong it returns an error with nothing in it, which
	// makes it forget the panels: they are had by decoding again.
	if err := strict.UnmarshalJSONStrict(raw); err != nil && err.Error() != "" {
		return d, err
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, err
	}
	return d, d.Validate()
}

// panelsOf returns the panels of a dashboard but for the headings of its rows.
func panelsOf(d dashboard.Dashboard) []dashboard.Panel {
	var panels []dashboard.Panel
	for _, p := range d.Panels {
		if p.Panel != nil {
			panels = append(panels, *p.Panel)
		}
	}
	return panels
}

func TestDashboardsAreOfGrafanasTypes(t *testing.T) {
	all := boards(t)
	if len(all) != 3 || all["tracker-old"] == nil || all["tracker-new"] == nil || all["host"] == nil {
		t.Fatalf("%d dashboards", len(all))
	}
	uids := map[string]string{}
	for name, raw := range all {
		d, err := validate(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if other := uids[*d.Uid]; other != "" || len(*d.Uid) > 40 {
			t.Errorf("%s has the uid %q, %s too", name, *d.Uid, other)
		}
		uids[*d.Uid] = name
		ids := map[uint32]bool{}
		for _, p := range panelsOf(d) {
			if p.Id == nil || ids[*p.Id] {
				t.Errorf("%s: panel %q has no id of its own", name, *p.Title)
				continue
			}
			ids[*p.Id] = true
			if g := p.GridPos; g.X+g.W > 24 {
				t.Errorf("%s: panel %q ends in column %d", name, *p.Title, g.X+g.W)
			}
			for _, q := range p.Targets {
				if _, ok := q.(*prometheus.Dataquery); !ok {
					t.Errorf("%s: panel %q has a %T", name, *p.Title, q)
				}
			}
		}
	}
}

// The check finds what it is there for.
func TestValidationFindsFaults(t *testing.T) {
	raw := boards(t)["tracker-old"]
	for _, c := range []struct{ old, bad, want string }{
		{`"graphTooltip": 1`, `"graphTooltips": 1`, "graphTooltips"},
		{`"editorMode": "code"`, `"editorMod": "code"`, "editorMod"},
		{`"showLegend": true`, `"showLegend": "yes"`, "showLegend"},
		{`"fillOpacity": 10`, `"fillOpacitie": 10`, "fillOpacitie"},
		{`"reduceOptions":`, `"reduce":`, "reduce"},
	} {
		if !strings.Contains(string(raw), c.old) {
			t.Fatalf("no %s in %s", c.old, raw)
		}
		if _, err := validate([]byte(strings.Replace(string(raw), c.old, c.bad, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.bad, err)
		}
	}
}

// panelNames are the panels that count announces, by protocol and family.
func panelNames() []string {
	return []string{"Announces over UDP, IPv4", "Announces over UDP, IPv6", "Announces over HTTP, IPv4", "Announces over HTTP, IPv6"}
}

// Each tracker's dashboard has a panel for each protocol and family, whose
// expression is a counter as it is: rates are never exact.
func TestDashboardsCountAnnounces(t *testing.T) {
	for _, name := range []string{"tracker-old", "tracker-new"} {
		d, err := validate(boards(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]string{}
		for _, p := range panelsOf(d) {
			if slices.Contains(panelNames(), *p.Title) {
				q := p.Targets[0].(*prometheus.Dataquery)
				seen[q.Expr] = *p.Title
				if len(p.Targets) != 1 || strings.Contains(q.Expr, "[") || q.Instant == nil || !*q.Instant {
					t.Errorf("%s: %s asks %s", name, *p.Title, q.Expr)
				}
			}
		}
		if len(seen) != len(panelNames()) {
			t.Errorf("%s: %v", name, seen)
		}
	}
}

var variable = regexp.MustCompile(`\$[a-z_{]`)

// What a panel shows can be asked of Prometheus as it is.
func TestDashboardsHaveNoVariables(t *testing.T) {
	for name, raw := range boards(t) {
		d, err := validate(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range panelsOf(d) {
			for _, q := range p.Targets {
				if expr := q.(*prometheus.Dataquery).Expr; variable.MatchString(expr) {
					t.Errorf("%s: %s has a variable of Grafana in %s", name, *p.Title, expr)
				}
			}
		}
	}
}

// A user's dashboard is made of the same pieces, or read from a file.
func TestDashboardsOfOnesOwn(t *testing.T) {
	e, err := evaluate(t, `load("@torrust//dashboards.star", "dashboard", "default_dashboards", "graph", "number", "query", "rate_window")
load("@torrust//grafana.star", "grafana")
`+scraped+`
mine = dashboard(uid = "mine", title = "Mine", doc = "Ours.", rows = [
    ("One", [number("Up", "count(up)") for _ in range(5)] + [graph("Up", [query("up", "{{job}}")])]),
    ("Two", [graph("Window " + rate_window(w), []) for w in ["15s", "1m", "1h"]]),
])
grafana(name = "grafana", host = web, datasource = prom, dashboards = default_dashboards(prom) | {"mine": mine, "raw": "{}"})
`)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range service(t, e, "grafana").Files {
		switch path.Base(m.Path) {
		case "mine.json":
			found++
			d, err := validate([]byte(rendered(t, *m.Content)))
			if err != nil {
				t.Error(err)
			}
			var at []string
			for _, p := range panelsOf(d) {
				at = append(at, fmt.Sprintf("%s %d,%d", *p.Title, p.GridPos.X, p.GridPos.Y))
			}
			want := "Up 0,1; Up 6,1; Up 12,1; Up 18,1; Up 0,5; Up 6,5; Window 120s 0,14; Window 240s 12,14; Window 14400s 0,22"
			if got := strings.Join(at, "; "); got != want {
				t.Errorf("panels at\n%s, want\n%s", got, want)
			}
		case "raw.json":
			found++
			if got := rendered(t, *m.Content); got != "{}" {
				t.Errorf("raw.json is %s", got)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d of 2 dashboards are there", found)
	}
	if _, err := evaluate(t, `load("@torrust//dashboards.star", "rate_window")
rate_window("often")
`); err == nil || !strings.Contains(err.Error(), `rate_window: "often" is not an interval`) {
		t.Errorf("got %v", err)
	}
}
