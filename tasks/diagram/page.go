package diagram

import (
	"crypto/sha256"
	_ "embed" // the parts of the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageCSS string

//go:embed page/page.js
var pageJS string

// Page writes one HTML page that needs nothing but itself: no network, no
// other file. Its own script is the only one that a browser may run in it.
func (d *Diagram) Page(w io.Writer) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(pageJS))
	page := struct {
		Name, Summary, Run, Policy string
		CSS                        template.CSS
		JS                         template.JS
		Graph, Timeline            template.HTML
		Data                       []pageNode
		Stages, Acts               []legend
	}{
		Name: d.Name, Summary: d.summary(),
		Policy: "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
		CSS:    template.CSS(pageCSS), JS: template.JS(pageJS), Graph: template.HTML(d.lay().svg(d)),
		Data: d.data(), Stages: d.stages(), Acts: d.acts(),
	}
	if d.Run != nil {
		page.Timeline, page.Run = template.HTML(d.timeline()), d.runSummary()
	}
	return t.Execute(w, page)
}

// A legend is a colour and what it means.
type legend struct{ Class, Sign, Text string }

// stages returns the stages that occur, in their order.
func (d *Diagram) stages() []legend {
	var list []legend
	for _, s := range []tasks.Stage{
		tasks.StageProvision, tasks.StageConfigure, tasks.StageRelease, tasks.StageRun, tasks.StageTest, tasks.StageTask,
	} {
		for _, n := range d.Nodes {
			if n.Stage == s {
				list = append(list, legend{Class: "stage-" + string(s), Text: string(s)})
				break
			}
		}
	}
	return list
}

// planned are the acts in the order of a summary.
var planned = []tasks.Act{
	tasks.ActCreate, tasks.ActUpdate, tasks.ActReplace, tasks.ActDelete, tasks.ActUnknown, tasks.ActRun, tasks.ActNone,
}

// acts returns how many nodes there are of each act; none without a plan.
func (d *Diagram) acts() []legend {
	count := map[tasks.Act]int{}
	for _, n := range d.Nodes {
		count[n.Act()]++
	}
	var list []legend
	for _, a := range planned {
		if n := count[a]; n > 0 {
			list = append(list, legend{"act-" + string(a), strings.TrimSpace(a.Sign()), fmt.Sprintf("%d %s", n, actWords[a])})
		}
	}
	return list
}

func (d *Diagram) summary() string {
	hosts, _ := d.lanes()
	n := 0
	for _, h := range hosts {
		if h != "" {
			n++
		}
	}
	return plural(len(d.Nodes), "node") + " on " + plural(n, "host")
}

func (d *Diagram) runSummary() string {
	path := d.Critical()
	shown := path
	if len(path) > 6 {
		shown = append(append([]string{}, path[:3]...), "…")
		shown = append(shown, path[len(path)-2:]...)
	}
	return fmt.Sprintf("%s in %s, on %s UTC. It took as long as %s.", plural(len(d.Run.Nodes), "node"), span(d.Run.End.Sub(d.Run.Start)),
		d.Run.Start.UTC().Format("2006-01-02 at 15:04:05"), strings.Join(shown, " → "))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// A pageNode is what the script of a page knows about a node.
type pageNode struct {
	ID       string     `json:"id"`
	Stage    string     `json:"stage"`
	Host     string     `json:"host,omitempty"`
	Doc      string     `json:"doc,omitempty"`
	Position string     `json:"position,omitempty"`
	Needs    []pageEdge `json:"needs,omitempty"`
	Act      string     `json:"act,omitempty"` // in words
	Class    string     `json:"class,omitempty"`
	Because  []string   `json:"because,omitempty"`
	Diffs    []string   `json:"diffs,omitempty"`
	Took     string     `json:"took,omitempty"`
}

type pageEdge struct {
	To       int    `json:"to"` // place in the list
	Field    string `json:"field"`
	Position string `json:"position,omitempty"`
}

func (d *Diagram) data() []pageNode {
	took := map[string]string{}
	if d.Run != nil {
		for _, r := range d.Run.Nodes {
			took[r.Node] = span(r.Took)
		}
	}
	list := make([]pageNode, len(d.Nodes))
	for i, n := range d.Nodes {
		p := pageNode{ID: n.ID, Stage: string(n.Stage), Host: n.Host, Doc: n.Doc, Took: took[n.ID]}
		if n.Position.File != "" {
			p.Position = n.Position.String()
		}
		for _, e := range n.Needs {
			if to, ok := d.index[e.To]; ok {
				p.Needs = append(p.Needs, pageEdge{to, e.Field, e.Position.String()})
			}
		}
		if n.Step != nil {
			p.Act, p.Class = strings.TrimSpace(n.Act().Sign()+" "+actWords[n.Act()]), "act-"+string(n.Act())
			p.Because, p.Diffs = reasons(*n.Step)
		}
		list[i] = p
	}
	return list
}

// reasons returns what a step says about itself, and the diffs of files.
func reasons(s tasks.Step) (because, diffs []string) {
	if s.Reason != "" {
		because = append(because, s.Reason)
	}
	for _, f := range s.Fields {
		because = append(because, fmt.Sprintf("%s: %s → %s", f.Name, orNone(f.Old), orNone(f.New)))
	}
	for _, f := range s.Files {
		if f.Diff != "" {
			diffs = append(diffs, f.Diff)
		}
	}
	if s.Downtime != "" {
		because = append(because, "downtime: "+s.Downtime)
	}
	return because, diffs
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
