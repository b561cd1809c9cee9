package diagram

import (
	"fmt"
	"io"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
)

// shapes are how stages look in dot.
var shapes = map[tasks.Stage]string{
	tasks.StageProvision: "box3d", tasks.StageRun: "component", tasks.StageTest: "diamond", tasks.StageTask: "cds",
}

// colours are how acts look in dot; what is as declared is grey.
var colours = map[tasks.Act]string{
	tasks.ActCreate: "#b2f2bb", tasks.ActUpdate: "#ffec99", tasks.ActReplace: "#ffd8a8", tasks.ActDelete: "#ffc9c9",
	tasks.ActRun: "#a5d8ff", tasks.ActUnknown: "#dee2e6",
}

// Dot writes the diagram in the language of graphviz: a cluster for each host,
// an edge from each node to what it needs. With a plan, nodes have the colour
// and sign of what would happen to them.
func (d *Diagram) Dot(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir = LR\n  node [shape = box, fontname = \"sans-serif\"]\n", quote(d.Name))
	hosts, of := d.lanes()
	for lane, host := range hosts {
		indent := "  "
		if host != "" {
			fmt.Fprintf(&b, "  subgraph %s {\n    label = %s\n", quote("cluster_"+host), quote(host))
			indent = "    "
		}
		for i, n := range d.Nodes {
			if of[i] == lane {
				fmt.Fprintf(&b, "%s%s%s\n", indent, quote(n.ID), dotAttributes(n))
			}
		}
		if host != "" {
			b.WriteString("  }\n")
		}
	}
	for _, n := range d.Nodes {
		for _, e := range n.Needs {
			if _, ok := d.index[e.To]; ok {
				fmt.Fprintf(&b, "  %s -> %s [tooltip = %s]\n", quote(n.ID), quote(e.To), quote(e.Field))
			}
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func dotAttributes(n Node) string {
	list := []string{"tooltip = " + quote(tip(n))}
	if s, ok := shapes[n.Stage]; ok {
		list = append([]string{"shape = " + s}, list...)
	}
	switch colour, ok := colours[n.Act()]; {
	case ok:
		list = append(list, `style = filled`, "fillcolor = "+quote(colour), "label = "+quote(n.Act().Sign()+" "+n.ID))
	case n.Act() == tasks.ActNone:
		list = append(list, `color = "#adb5bd"`, `fontcolor = "#868e96"`)
	}
	return " [" + strings.Join(list, ", ") + "]"
}

// quote returns s as a string of the dot language.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
