package diagram

import (
	"fmt"
	"io"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
)

// Tree writes the diagram for a terminal: each node that no other one needs,
// and below it what it needs. Edges that others imply are left out, and a node
// that was shown with all that it needs is only named again, with ↑. Where
// nothing would change, unless all is set, what is below stays closed.
// paint colours text for an act.
func (d *Diagram) Tree(w io.Writer, all bool, paint func(a tasks.Act, text string) string) error {
	t := &tree{d: d, all: all || !d.Planned, paint: paint, shown: map[int]bool{}, needs: make([][]int, len(d.Nodes))}
	needed := make([]bool, len(d.Nodes))
	for _, a := range d.arrows() {
		needed[a.to] = true
		if !a.implied {
			t.needs[a.from] = append(t.needs[a.from], a.to)
		}
	}
	t.moves = make([]bool, len(d.Nodes))
	for i, n := range d.Nodes { // dependencies first
		t.moves[i] = n.Changes()
		for _, to := range t.needs[i] {
			t.moves[i] = t.moves[i] || t.moves[to]
		}
	}
	for i := range d.Nodes {
		if !needed[i] {
			t.node(i, "", "")
		}
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

type tree struct {
	d     *Diagram
	b     strings.Builder
	all   bool
	paint func(tasks.Act, string) string
	needs [][]int
	moves []bool // something at or below a node would change
	shown map[int]bool
}

// node writes a node behind branch, and what it needs behind trunk.
func (t *tree) node(i int, branch, trunk string) {
	n := t.d.Nodes[i]
	sign := ""
	if t.d.Planned {
		sign = n.Act().Sign() + " "
	}
	line := branch + t.paint(n.Act(), sign+n.ID)
	again := t.shown[i] && len(t.needs[i]) > 0
	t.shown[i] = true
	switch {
	case again:
		line += " ↑"
	case !t.all && !t.moves[i] && len(t.needs[i]) > 0:
		line += t.paint("", fmt.Sprintf(" (and %d below it)", t.count(i)))
		again = true
	}
	t.b.WriteString(line + "\n")
	if again {
		return
	}
	for k, to := range t.needs[i] {
		if k == len(t.needs[i])-1 {
			t.node(to, trunk+"└─ ", trunk+"   ")
		} else {
			t.node(to, trunk+"├─ ", trunk+"│  ")
		}
	}
}

// count returns how many nodes a node needs, in all.
func (t *tree) count(i int) int {
	seen := map[int]bool{}
	pending := []int{i}
	for len(pending) > 0 {
		i := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		for _, to := range t.needs[i] {
			if !seen[to] {
				seen[to] = true
				pending = append(pending, to)
			}
		}
	}
	return len(seen)
}
