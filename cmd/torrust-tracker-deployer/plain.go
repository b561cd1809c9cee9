package main

import (
	"fmt"
	"io"

	"github.com/torrust/tracker-deployer/tasks"
)

// A screen shows a run to people while it goes on.
type screen interface {
	event(tasks.Event)
	// say shows a line that is not an event.
	say(text string)
	// close gives the terminal back.
	close()
}

// A plainScreen prints one line per event, for where nothing can be redrawn:
// pipes, files, build logs.
type plainScreen struct {
	w       io.Writer
	verbose int
	style   style
}

func (v *plainScreen) event(e tasks.Event) {
	if s, ok := describe(e); ok && s.level <= v.verbose {
		fmt.Fprintln(v.w, v.style.sentence(s))
	}
}

func (v *plainScreen) say(text string) { fmt.Fprintln(v.w, text) }

func (v *plainScreen) close() {}

// sentence returns the line for a sentence: what it is about comes first.
func (s style) sentence(x sentence) string {
	text := stripControl(x.text)
	switch {
	case x.failed:
		text = s.red(text)
	case x.act != "":
		text = s.act(x.act, text)
	}
	if x.subject == "" {
		return text
	}
	return s.subject(x) + " " + text
}

// subject returns what a sentence is about. What nodes say themselves has a
// colour for each of them, in turn, so that lines of several can be told apart.
func (s style) subject(x sentence) string {
	if !x.quoted || !s.on {
		return s.bold(x.subject + ":")
	}
	number, ok := s.speakers[x.subject]
	if !ok {
		number = len(s.speakers)
		s.speakers[x.subject] = number
	}
	colours := []string{"36", "33", "35", "34", "32", "96", "93", "95", "94", "92"}
	return s.paint(colours[number%len(colours)], x.subject+":")
}

// A silentScreen shows nothing: --quiet and --json.
type silentScreen struct{}

func (silentScreen) event(tasks.Event) {}
func (silentScreen) say(string)        {}
func (silentScreen) close()            {}
