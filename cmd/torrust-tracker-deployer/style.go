package main

import (
	"io"
	"os"

	"github.com/torrust/tracker-deployer/tasks"
	"golang.org/x/term"
)

// A style colours text, or leaves it as it is.
type style struct {
	on       bool
	speakers map[string]int // number of each node that has said something
}

// style returns the colours for a stream: none unless it is a terminal, and
// none with --no-color, NO_COLOR or a terminal that cannot.
func (p *program) style(w io.Writer) style {
	if p.noColor || p.getenv("NO_COLOR") != "" || p.getenv("TERM") == "dumb" {
		return style{}
	}
	return style{on: isTerminal(w), speakers: map[string]int{}}
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	if r, ok := stream.(*results); ok {
		stream = r.w
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (s style) paint(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(t string) string   { return s.paint("1", t) }
func (s style) dim(t string) string    { return s.paint("2", t) }
func (s style) red(t string) string    { return s.paint("31", t) }
func (s style) green(t string) string  { return s.paint("32", t) }
func (s style) yellow(t string) string { return s.paint("33", t) }
func (s style) cyan(t string) string   { return s.paint("36", t) }

// act paints text in the colour of an act.
func (s style) act(a tasks.Act, text string) string {
	switch a {
	case tasks.ActCreate:
		return s.green(text)
	case tasks.ActUpdate, tasks.ActReplace:
		return s.yellow(text)
	case tasks.ActDelete:
		return s.red(text)
	case tasks.ActRun:
		return s.cyan(text)
	default:
		return s.dim(text)
	}
}
