package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks"
)

// A sentence is an event in words, for the views that people read.
type sentence struct {
	subject string // the node it is about, "" = the run
	text    string
	level   int // how many -v it takes to see it
	act     tasks.Act
	failed  bool
	quoted  bool // it is what the node itself said
}

// done are the words for what was done to a node.
var done = map[tasks.Act]string{
	tasks.ActNone: "as declared", tasks.ActCreate: "created", tasks.ActUpdate: "updated",
	tasks.ActReplace: "replaced", tasks.ActDelete: "removed", tasks.ActRun: "ran",
	tasks.ActUnknown: "done",
}

// describe puts an event into words; false when it has none of its own.
func describe(event tasks.Event) (sentence, bool) {
	switch e := event.(type) {
	case tasks.RunStarted:
		what := strings.Join(e.Targets, " ")
		return sentence{text: fmt.Sprintf("%s %s: %d to do", what, e.Environment, len(e.Nodes)), level: 1}, true
	case tasks.HostStatus:
		s := sentence{subject: "vm:" + e.Host, text: string(e.State), level: 1}
		if e.Reason != "" {
			s.text += ": " + e.Reason
		}
		if e.State == tasks.StateUnreachable {
			s.level = 0
		}
		return s, true
	case tasks.HostProgress:
		return sentence{subject: "vm:" + e.Host, text: e.Line}, true
	case tasks.BatchDone:
		text := fmt.Sprintf("%s %d in %s", e.Verb, e.Items, seconds(e.Took))
		return sentence{subject: "vm:" + e.Host, text: text, level: 1}, true
	case tasks.NodeStarted:
		return sentence{subject: e.Node, text: string(e.Act) + " …", act: e.Act, level: 2}, true
	case tasks.NodeProgress:
		return sentence{subject: e.Node, text: e.Line, quoted: true}, true
	case tasks.NodeDone:
		return describeDone(e), true
	case tasks.NodeSkipped:
		return sentence{subject: e.Node, text: "skipped: " + e.Because}, true
	}
	return sentence{}, false
}

func describeDone(e tasks.NodeDone) sentence {
	s := sentence{subject: e.Node, act: e.Act}
	switch {
	case e.Error != "":
		s.failed = true
		first, _, _ := strings.Cut(e.Error, "\n") // all of it comes at the end
		s.text = fmt.Sprintf("failed after %s: %s", seconds(e.Took), first)
	case e.Act == tasks.ActNone:
		s.level = 1
		s.text = done[e.Act]
	default:
		s.text = fmt.Sprintf("%s in %s", done[e.Act], seconds(e.Took))
	}
	return s
}

// seconds prints a duration as people read it: 0.3s, 41.2s, 3m05s.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	d = d.Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
