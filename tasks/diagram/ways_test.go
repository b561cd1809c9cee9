package diagram

import (
	"fmt"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// graphOf makes a graph of tasks: "a: b c" needs b and c. Lines with "@HOST"
// behind the name are on that host.
func graphOf(t testing.TB, text string) *tasks.Graph {
	t.Helper()
	var nodes []*tasks.Node
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		name, needs, _ := strings.Cut(line, ":")
		name, host, _ := strings.Cut(name, "@")
		at := environments.Position{File: "e.star", Line: i + 1, Column: 1}
		n := &tasks.Node{ID: "task:" + strings.TrimSpace(name), Stage: tasks.StageTask, Host: host, Position: at}
		for _, need := range strings.Fields(needs) {
			n.Edges = append(n.Edges, tasks.Edge{To: "task:" + need, Field: "after", Position: at})
		}
		nodes = append(nodes, n)
	}
	g, err := tasks.NewGraph(nodes)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func of(t testing.TB, text string) *Diagram {
	return Of(graphOf(t, text), &environments.Environment{Name: "e"}, nil)
}

func TestWays(t *testing.T) {
	d := of(t, "a: b c d\nb: e\nc: e\nd: x\nx: e\ne: f\nf:\nlonely:")
	for _, c := range []struct {
		from, to string
		few      int
		want     string
		count    int
	}{
		{"a", "e", 9, "a>b>e a>c>e", 2},
		{"a", "e", 1, "a>b>e", 2},
		{"a", "f", 9, "a>b>e>f a>c>e>f", 2},
		{"d", "f", 9, "d>x>e>f", 1},
		{"f", "a", 9, "", 0},
		{"a", "a", 9, "", 0},
		{"a", "lonely", 9, "", 0},
		{"a", "nowhere", 9, "", 0},
	} {
		ways, count := d.Ways("task:"+c.from, "task:"+c.to, c.few)
		var got []string
		for _, w := range ways {
			s := w[0].From
			for _, l := range w {
				s += ">" + l.To
			}
			got = append(got, strings.ReplaceAll(s, "task:", ""))
		}
		if s := strings.Join(got, " "); s != c.want || count != c.count {
			t.Errorf("%s to %s: %q, %d; want %q, %d", c.from, c.to, s, count, c.want, c.count)
		}
	}
}

// A ladder of diamonds has exponentially many ways, which nobody counts.
func TestWaysOfALadder(t *testing.T) {
	var b strings.Builder
	const rungs = 60
	for i := range rungs {
		fmt.Fprintf(&b, "n%d: l%d r%d\nl%d: n%d\nr%d: n%d\n", i, i, i, i, i+1, i, i+1)
	}
	fmt.Fprintf(&b, "n%d:", rungs)
	ways, count := of(t, b.String()).Ways("task:n0", fmt.Sprintf("task:n%d", rungs), 3)
	if len(ways) != 3 || count != manyWays || len(ways[0]) != 2*rungs {
		t.Errorf("%d ways of %d", len(ways), count)
	}
}

// Edges between the same two nodes are one, with all fields; the file's own
// names win.
func TestEdgesAreJoined(t *testing.T) {
	here, there := environments.Position{File: "e.star", Line: 2, Column: 1}, environments.Position{File: "e.star", Line: 1, Column: 1}
	n := &tasks.Node{ID: "service:a", Position: here, Edges: []tasks.Edge{
		{To: "vm:web", Field: "host", Position: here}, {To: "service:b", Field: "host", Position: here},
		{To: "vm:web", Field: "ipv4", Position: there}, {To: "vm:web", Field: "host", Position: here},
	}}
	g, err := tasks.NewGraph([]*tasks.Node{{ID: "vm:web", Position: there}, {ID: "service:b"}, n})
	if err != nil {
		t.Fatal(err)
	}
	env := &environments.Environment{Services: []environments.Service{{Declared: environments.Declared{Name: "a"}, DependsOn: []string{"b"}}}}
	got := fmt.Sprint(needs(g, n, declared(env)))
	if want := "[{vm:web host, ipv4 e.star:2:1} {service:b depends_on e.star:2:1}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
