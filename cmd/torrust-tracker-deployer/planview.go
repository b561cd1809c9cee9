package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
)

// A planView prints a plan for people: machines that do not answer, then
// what happens to each node, then how many there are of each kind.
type planView struct {
	w     io.Writer
	style style
	all   bool // nodes that are as declared too
}

func (v planView) print(p *tasks.Plan) {
	for _, h := range p.Hosts {
		if h.State == tasks.StateRunning || h.State == tasks.StateAbsent {
			continue
		}
		text := fmt.Sprintf("vm:%s is %s", h.Host, h.State)
		if h.Reason != "" {
			text += ": " + stripControl(h.Reason)
		}
		fmt.Fprintln(v.w, v.style.yellow(text))
	}
	for _, s := range p.Steps {
		if s.Act != tasks.ActNone || v.all {
			v.step(s)
		}
	}
	fmt.Fprintln(v.w, countLine(p))
}

func (v planView) step(s tasks.Step) {
	title := s.Act.Sign() + " " + s.Node
	if s.Host != "" && !strings.HasSuffix(s.Node, ":"+s.Host) {
		title += v.style.dim(" on " + s.Host)
	}
	fmt.Fprintln(v.w, v.style.act(s.Act, title))
	if s.Reason != "" && s.Act != tasks.ActUnknown { // above, once for the machine
		v.detail(s.Reason)
	}
	for _, f := range s.Fields {
		v.detail(field(f))
	}
	for _, f := range s.Files {
		v.file(f)
	}
	if len(s.Restarts) > 0 {
		v.detail("restarts " + joined(s.Restarts))
	}
	if len(s.Reloads) > 0 {
		v.detail("reloads " + joined(s.Reloads))
	}
	if s.Downtime != "" {
		v.detail("downtime: " + s.Downtime)
	}
}

func (v planView) detail(text string) { fmt.Fprintf(v.w, "    %s\n", stripControl(text)) }

// field prints a property: "mode: 0644 → 0600".
func field(f tasks.FieldChange) string {
	switch {
	case f.Old == "":
		return f.Name + ": " + quoteLines(f.New)
	case f.New == "":
		return f.Name + ": " + quoteLines(f.Old) + " → (none)"
	default:
		return f.Name + ": " + quoteLines(f.Old) + " → " + quoteLines(f.New)
	}
}

// quoteLines keeps a value on one line.
func quoteLines(s string) string {
	if strings.ContainsAny(s, "\n\r") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// file prints the diff of a file.
func (v planView) file(f tasks.FileChange) {
	if f.Diff == "" {
		v.detail(f.Path)
		return
	}
	for line := range strings.Lines(f.Diff) {
		line = stripControl(strings.TrimRight(line, "\r\n"))
		switch {
		case strings.HasPrefix(line, "+"):
			line = v.style.green(line)
		case strings.HasPrefix(line, "-"):
			line = v.style.red(line)
		case strings.HasPrefix(line, "@@"):
			line = v.style.cyan(line)
		}
		fmt.Fprintln(v.w, strings.TrimRight("    "+line, " "))
	}
}

// verbs are the words for acts that a plan counts, in the order of the line.
var verbs = []struct {
	act  tasks.Act
	word string
}{
	{tasks.ActCreate, "to create"},
	{tasks.ActUpdate, "to update"},
	{tasks.ActReplace, "to replace"},
	{tasks.ActDelete, "to remove"},
	{tasks.ActUnknown, "unknown"},
	{tasks.ActRun, "to run"},
	{tasks.ActNone, "as declared"},
}

// countLine returns the last line of a plan: "2 to create, 12 as declared".
func countLine(p *tasks.Plan) string {
	counts := map[tasks.Act]int{}
	for _, s := range p.Steps {
		counts[s.Act]++
	}
	var parts []string
	for _, v := range verbs {
		if n := counts[v.act]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v.word))
		}
	}
	if len(p.Changes()) == 0 {
		return strings.TrimSuffix("no changes: "+strings.Join(parts, ", "), ": ")
	}
	return strings.Join(parts, ", ")
}
