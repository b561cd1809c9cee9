package diagram

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/torrust/tracker-deployer/tasks"
)

// longestName is how many characters of a name a box shows.
const longestName = 28

// The mean widths of a character, in pixels, of the two lines of a box.
const (
	nameCharacter = 7.4
	kindCharacter = 6.4
)

// boxWidth is how wide the box of a node has to be.
func boxWidth(n Node) float64 {
	name, kind := utf8.RuneCountInString(short(nameOf(n.ID))), len(n.Kind())
	width := max(float64(name)*nameCharacter, float64(kind)*kindCharacter) + 30
	if n.Changes() {
		width += 16
	}
	return max(width, 84)
}

func nameOf(id string) string {
	_, name, _ := strings.Cut(id, ":")
	return name
}

func short(name string) string {
	if utf8.RuneCountInString(name) <= longestName {
		return name
	}
	return string([]rune(name)[:longestName-1]) + "…"
}

// svg draws the graph.
func (p *picture) svg(d *Diagram) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg id="graph" xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`+"\n",
		p.width, p.height, p.width, p.height, html.EscapeString("what depends on what in "+d.Name))
	for i, l := range p.lanes {
		name, class := l.host, "lane"
		if name == "" {
			name = "this computer"
		}
		if i%2 == 1 {
			class += " odd"
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="12"/><text class="host" x="%.1f" y="%.1f">%s</text>`+"\n",
			class, margin/2, l.y, p.width-margin, l.height, margin/2+14, l.y+21, html.EscapeString(name))
	}
	p.edges(&b, d)
	for i, n := range d.Nodes {
		p.node(&b, i, n)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// edges draws the edges, those that others imply first and hidden.
func (p *picture) edges(b *strings.Builder, d *Diagram) {
	for _, implied := range []bool{true, false} {
		for i, a := range p.arrows {
			if a.implied != implied {
				continue
			}
			class := "edge"
			if implied {
				class += " implied"
			}
			if d.Nodes[a.from].Changes() && d.Nodes[a.to].Changes() {
				class += " moving"
			}
			fmt.Fprintf(b, `<path class="%s" data-f="%d" data-t="%d" d="%s"/>`+"\n", class, a.from, a.to, p.curve(i, a))
		}
	}
}

// curve returns the path of an edge, from what is needed to who needs it.
func (p *picture) curve(i int, a arrow) string {
	from, to := p.cells[p.box[a.from]], p.cells[p.box[a.to]]
	x, y := p.x[to.layer]+p.wideOf(to), to.y
	var b strings.Builder
	fmt.Fprintf(&b, "M%.1f %.1f", x, y)
	bend := func(toX, toY float64) {
		half := (toX - x) / 2
		fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", x+half, y, toX-half, toY, toX, toY)
		x, y = toX, toY
	}
	for k := len(p.route[i]) - 1; k >= 0; k-- {
		c := p.cells[p.route[i][k]]
		bend(p.x[c.layer], c.y)
		x = p.x[c.layer] + p.wide[c.layer]
		fmt.Fprintf(&b, "H%.1f", x)
	}
	bend(p.x[from.layer], from.y)
	return b.String()
}

func (p *picture) wideOf(c cell) float64 { return p.wide[c.layer] }

// node draws the box of a node.
func (p *picture) node(b *strings.Builder, i int, n Node) {
	c := p.cells[p.box[i]]
	x, y, wide := p.x[c.layer], c.y-boxHeight/2, p.wideOf(c)
	class := "node stage-" + string(n.Stage)
	if n.Step != nil {
		class += " act-" + string(n.Act())
	}
	fmt.Fprintf(b, `<g class="%s" data-n="%d" tabindex="0" transform="translate(%.1f %.1f)"><title>%s</title>`, class, i, x, y, html.EscapeString(tip(n)))
	fmt.Fprintf(b, `<rect class="box" width="%.1f" height="%.0f" rx="7"/><path class="bar" d="M7 .5H5A4.5 6.5 0 0 0 .5 7V33A4.5 6.5 0 0 0 5 39.5H7Z"/>`, wide, boxHeight)
	fmt.Fprintf(b, `<text class="kind" x="15" y="15">%s</text><text class="name" x="15" y="31">%s</text>`,
		html.EscapeString(n.Kind()), html.EscapeString(short(nameOf(n.ID))))
	if n.Changes() {
		fmt.Fprintf(b, `<text class="sign" x="%.1f" y="26">%s</text>`, wide-12, n.Act().Sign())
	}
	b.WriteString("</g>\n")
}

// tip is what a box says when it is pointed at, also without scripts.
func tip(n Node) string {
	lines := []string{n.ID, "stage " + string(n.Stage)}
	if n.Host != "" {
		lines[1] += ", on " + n.Host
	}
	if n.Position.File != "" {
		lines = append(lines, n.Position.String())
	}
	if n.Doc != "" {
		lines = append(lines, n.Doc)
	}
	if n.Step != nil {
		lines = append(lines, strings.TrimSpace(n.Act().Sign()+" "+actWords[n.Act()]))
	}
	return strings.Join(lines, "\n")
}

// actWords are what pages and pictures call what a run would do.
var actWords = map[tasks.Act]string{
	tasks.ActNone: "as declared", tasks.ActCreate: "to create", tasks.ActUpdate: "to update", tasks.ActReplace: "to replace",
	tasks.ActDelete: "to remove", tasks.ActRun: "to run", tasks.ActUnknown: "unknown",
}
