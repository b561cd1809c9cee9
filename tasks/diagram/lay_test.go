package diagram

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// randomText is a random graph of n tasks on up to three hosts.
func randomText(r *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "n%d", i)
		if h := r.IntN(4); h > 0 {
			fmt.Fprintf(&b, "@h%d", h)
		}
		b.WriteByte(':')
		for range min(i, r.IntN(4)) {
			fmt.Fprintf(&b, " n%d", r.IntN(i))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Whatever the graph: an edge leads from left to right, nothing covers
// anything else, and everything is in the lane of its host.
func TestLay(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := of(t, randomText(r, 1+r.IntN(70)))
		p := d.lay()
		for _, a := range p.arrows {
			if from, to := p.cells[p.box[a.from]], p.cells[p.box[a.to]]; from.layer <= to.layer {
				t.Fatalf("seed %d: %s in layer %d needs %s in layer %d", seed, d.Nodes[a.from].ID, from.layer, d.Nodes[a.to].ID, to.layer)
			}
		}
		for _, layer := range p.layers {
			for i := 1; i < len(layer); i++ {
				a, b := p.cells[layer[i-1]], p.cells[layer[i]]
				if b.y-extent(b) < a.y+extent(a)-1e-6 {
					t.Fatalf("seed %d: a cell at %.1f covers one at %.1f", seed, b.y, a.y)
				}
			}
		}
		for i, n := range d.Nodes {
			c := p.cells[p.box[i]]
			l := p.lanes[c.lane]
			if l.host != n.Host || c.y-extent(c) < l.y+laneHead-1e-6 || c.y+extent(c) > l.y+l.height+1e-6 {
				t.Fatalf("seed %d: %s of host %q at %.1f is outside of lane %+v", seed, n.ID, n.Host, c.y, l)
			}
		}
		if bottom := p.lanes[len(p.lanes)-1]; bottom.y+bottom.height > p.height {
			t.Fatalf("seed %d: lanes end at %.1f, the picture at %.1f", seed, bottom.y+bottom.height, p.height)
		}
	}
}

// An edge is implied exactly where a longer way leads to the same node.
func TestArrows(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		d := of(t, randomText(r, 40))
		for _, a := range d.arrows() {
			longer := false
			for _, e := range d.Nodes[a.from].Needs {
				ways, _ := d.Ways(e.To, d.Nodes[a.to].ID, 1)
				longer = longer || len(ways) > 0
			}
			if a.implied != longer {
				t.Fatalf("seed %d: %s → %s: implied %v", seed, d.Nodes[a.from].ID, d.Nodes[a.to].ID, a.implied)
			}
		}
	}
}

// Sorting untangles what can be drawn without crossings.
func TestSortUntangles(t *testing.T) {
	p := of(t, "a:\nb:\nc:\nx: c\ny: b\nz: a\nu: z\nv: x").lay()
	place := make([]float64, len(p.cells))
	p.number(place)
	if n := p.crossings(place); n != 0 {
		t.Errorf("%d edges cross", n)
	}
	if n := inversions([]int{3, 1, 2, 0}, make([]int, 4)); n != 5 {
		t.Errorf("%d inversions, want 5", n)
	}
}

func TestCritical(t *testing.T) {
	d := of(t, "a:\nb:\nidle: b\nc: a idle\nd: a\nlonely:")
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ran := func(name string, from, to int) tasks.Ran {
		return tasks.Ran{Node: "task:" + name, Start: start.Add(time.Duration(from) * time.Second), Took: time.Duration(to-from) * time.Second, OK: true}
	}
	d.Last([]tasks.Ran{ran("c", 5, 9), ran("a", 0, 2), ran("d", 2, 4), ran("b", 1, 5), ran("gone", 0, 99), ran("lonely", 0, 1)})
	if got := strings.Join(d.Critical(), " "); got != "task:b task:c" {
		t.Errorf("critical path %q", got)
	}
	if took := d.Run.End.Sub(d.Run.Start); took != 9*time.Second || d.Run.Nodes[0].Node != "task:a" {
		t.Errorf("took %s, first %s", took, d.Run.Nodes[0].Node)
	}
	d.Last(nil)
	if d.Run != nil || d.Critical() != nil {
		t.Error("a run without nodes is one")
	}
}

// hostile returns a diagram with a plan and a run, and names that are hard to
// quote.
func hostile(t *testing.T) *Diagram {
	t.Helper()
	evil := `</script><b>&"'` + "\\"
	n := &tasks.Node{ID: "task:" + evil, Stage: tasks.StageTask, Host: evil, Doc: evil}
	other := &tasks.Node{ID: "task:x", Stage: tasks.StageTask, Edges: []tasks.Edge{{To: n.ID, Field: evil}}}
	g, err := tasks.NewGraph([]*tasks.Node{n, other})
	if err != nil {
		t.Fatal(err)
	}
	d := Of(g, &environments.Environment{Name: evil}, nil)
	d.Plan(&tasks.Plan{Steps: []tasks.Step{
		{Node: n.ID, Change: tasks.Change{Act: tasks.ActUpdate, Reason: evil, Files: []tasks.FileChange{{Path: evil, Diff: evil}}}},
		{Node: "file:orphan", Host: "h", Change: tasks.Change{Act: tasks.ActDelete}},
	}})
	d.Last([]tasks.Ran{{Node: n.ID, Start: time.Unix(0, 0), Took: time.Second, OK: true}, {Node: "task:x", Start: time.Unix(1, 0), Took: time.Minute}})
	return d
}

// Nothing that a file says gets out of its place in a page or a picture.
func TestPageQuotes(t *testing.T) {
	d := hostile(t)
	var page, again bytes.Buffer
	if err := errors.Join(d.Page(&page), d.Page(&again)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page.Bytes(), again.Bytes()) {
		t.Error("two pages of one diagram differ")
	}
	text := page.String()
	if n := strings.Count(text, "</script>"); n != 2 {
		t.Errorf("%d scripts end, want 2", n)
	}
	if strings.Contains(text, "<b>") {
		t.Error("a name became markup")
	}
	for _, want := range []string{"act-update", "act-delete", "file:orphan", "1 to remove", "The last run", "critical", "failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for name, svg := range map[string]string{"graph": d.lay().svg(d), "timeline": d.timeline()} {
		decoder := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := decoder.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
	var dot bytes.Buffer
	if err := d.Dot(&dot); err != nil {
		t.Fatal(err)
	}
	if want := `"task:</script><b>&\"'\\" [shape = cds, tooltip = `; !strings.Contains(dot.String(), want) {
		t.Errorf("no %s in\n%s", want, dot.String())
	}
}

func TestTree(t *testing.T) {
	d := of(t, "a:\nb: a\nc: a b\nd: c\ne: b\nf:")
	plain := func(_ tasks.Act, text string) string { return text }
	show := func(all bool) string {
		var b strings.Builder
		if err := d.Tree(&b, all, plain); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(b.String(), "task:", "")
	}
	if got, want := show(false), "d\n└─ c\n   └─ b\n      └─ a\ne\n└─ b ↑\nf\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	d.Plan(&tasks.Plan{Steps: []tasks.Step{
		{Node: "task:a", Change: tasks.Change{Act: tasks.ActNone}}, {Node: "task:b", Change: tasks.Change{Act: tasks.ActNone}},
		{Node: "task:c", Change: tasks.Change{Act: tasks.ActRun}}, {Node: "task:f", Change: tasks.Change{Act: tasks.ActNone}},
	}})
	if got, want := show(false), "  d\n└─ ▸ c\n   └─   b (and 1 below it)\n  e (and 2 below it)\n  f\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTick(t *testing.T) {
	for total, want := range map[time.Duration]string{
		900 * time.Microsecond: "1ms", 41 * time.Second: "5s", 95 * time.Second: "10s", 3 * time.Hour: "20m00s", 7 * time.Millisecond: "1ms",
	} {
		if got := span(tick(total)); got != want {
			t.Errorf("tick(%s) is %s, want %s", total, got, want)
		}
	}
}

// A page of ten thousand tasks takes a moment, not minutes.
func TestManyNodes(t *testing.T) {
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "n%d:", i)
		if i >= 100 {
			fmt.Fprintf(&b, " n%d n%d", i-100, i%100)
		}
		b.WriteByte('\n')
	}
	d := of(t, b.String())
	start := time.Now()
	if err := d.Page(io.Discard); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("%d nodes took %s", len(d.Nodes), took)
	}
}
