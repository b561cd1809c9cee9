package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks"
)

// A tally counts nodes by what became of them in all runs of one invocation,
// and keeps the last output of nodes for the case that they go wrong. Tasks
// and probes that ran are counted apart: they are no changes.
type tally struct {
	start    time.Time
	fates    map[string]outcome  // by node
	output   map[string][]string // last lines by node
	failures []tasks.NodeDone

	remembered int // nodes that are unchanged without having been looked at
}

// An outcome is what became of a node. Where runs differ, the larger counts:
// what deploy changed is found unchanged by test.
type outcome int

const (
	skipped outcome = iota + 1
	unchanged
	ran
	changed
	failed
)

// keepLines is how much output of a failed node is shown.
const keepLines = 10

func newTally() *tally {
	return &tally{start: time.Now(), fates: map[string]outcome{}, output: map[string][]string{}}
}

func (t *tally) event(event tasks.Event) {
	switch e := event.(type) {
	case tasks.NodeProgress:
		lines := append(t.output[e.Node], e.Line)
		t.output[e.Node] = lines[max(0, len(lines)-keepLines):]
	case tasks.NodeSkipped:
		t.set(e.Node, skipped)
	case tasks.NodeDone:
		t.done(e)
	}
}

func (t *tally) set(node string, o outcome) { t.fates[node] = max(t.fates[node], o) }

func (t *tally) done(e tasks.NodeDone) {
	switch {
	case e.Error != "":
		t.set(e.Node, failed)
		t.failures = append(t.failures, e)
		return
	case e.Act == tasks.ActNone:
		t.set(e.Node, unchanged)
	case e.Act == tasks.ActRun:
		t.set(e.Node, ran)
	default:
		t.set(e.Node, changed)
	}
	delete(t.output, e.Node)
}

func (t *tally) count(o outcome) int {
	n := 0
	if o == unchanged {
		n = t.remembered
	}
	for _, f := range t.fates {
		if f == o {
			n++
		}
	}
	return n
}

// line returns the last line of every run.
func (t *tally) line() string {
	s := fmt.Sprintf("%d changed, %d unchanged, %d failed in %s", t.count(changed), t.count(unchanged), t.count(failed), seconds(time.Since(t.start)))
	var more []string
	if n := t.count(skipped); n > 0 {
		more = append(more, fmt.Sprintf("%d skipped", n))
	}
	if n := t.count(ran); n > 0 {
		more = append(more, fmt.Sprintf("%d ran", n))
	}
	if len(more) > 0 {
		s += " (" + strings.Join(more, ", ") + ")"
	}
	return s
}
