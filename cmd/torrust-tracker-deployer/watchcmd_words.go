package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/watching"
)

// because says what changed and what that makes necessary; nothing for the
// first round. plan is nil where that cannot be known.
func (x *watch) because(changes []watching.Change, plan *tasks.Plan) {
	p := x.program
	if changes == nil {
		return
	}
	text := changeWords(changes)
	if plan != nil {
		text += ": " + todo(plan)
	}
	if p.json {
		writeFilesChanged(p.Out, changes, plan)
		p.log.note(text)
		return
	}
	p.note("%s", text)
}

// writeFilesChanged writes changes as an event.
func writeFilesChanged(w io.Writer, changes []watching.Change, plan *tasks.Plan) {
	type step struct {
		Node string    `json:"node"`
		Act  tasks.Act `json:"act"`
	}
	e := struct {
		Event   string            `json:"event"`
		Changes []watching.Change `json:"changes"`
		Steps   []step            `json:"steps"` // what there is to do
	}{"files-changed", changes, []step{}}
	if plan != nil {
		for _, s := range plan.Steps {
			if s.Act != tasks.ActNone {
				e.Steps = append(e.Steps, step{s.Node, s.Act})
			}
		}
	}
	writeJSON(w, e)
}

// fewNames is how many files or nodes are named in one line.
const fewNames = 4

// few joins the first of a list and counts the rest.
func few(list []string) string {
	if len(list) <= fewNames {
		return joined(list)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:fewNames-1], ", "), len(list)-fewNames+1)
}

// changeWords says what changed: "lib/x.star changed, in/a is new".
func changeWords(changes []watching.Change) string {
	list := make([]string, len(changes))
	for i, c := range changes {
		list[i] = fmt.Sprintf("%s %s", c.Path, c.How)
	}
	return few(list)
}

// todo says what a plan would do: "2 to run: task:a and task:b".
func todo(plan *tasks.Plan) string {
	var parts []string
	for _, v := range verbs {
		var nodes []string
		for _, s := range plan.Steps {
			if s.Act == v.act && v.act != tasks.ActNone {
				nodes = append(nodes, s.Node)
			}
		}
		if len(nodes) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s: %s", len(nodes), v.word, few(nodes)))
		}
	}
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, "; ")
}
