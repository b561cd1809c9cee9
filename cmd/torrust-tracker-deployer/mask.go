package main

import (
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
)

// hidden stands for a secret that turned up in the output of a program.
const hidden = "(secret)"

// shortest is the length of the shortest secret that is looked for: shorter
// ones would take harmless text apart.
const shortest = 6

// masked returns e with the environment's secrets taken out of what machines
// and programs said. Our own text never holds any; a task that echoes its
// environment does.
func (m *monitor) masked(event tasks.Event) tasks.Event {
	if m.hide == nil {
		return event
	}
	switch e := event.(type) {
	case tasks.NodeProgress:
		e.Line = m.clean(e.Line)
		return e
	case tasks.HostProgress:
		e.Line = m.clean(e.Line)
		return e
	case tasks.HostStatus:
		e.Reason = m.clean(e.Reason)
		return e
	case tasks.NodeDone:
		e.Error, e.Hint = m.clean(e.Error), m.clean(e.Hint)
		return e
	}
	return event
}

func (m *monitor) clean(text string) string {
	if text == "" || m.hide == nil {
		return text
	}
	for _, s := range m.hide() {
		if len(s) >= shortest {
			text = strings.ReplaceAll(text, s, hidden)
		}
	}
	return text
}
