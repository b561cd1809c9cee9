package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/torrust/tracker-deployer/tasks"
)

// A monitor hands the events of an invocation to its readers: the screen, the
// log file, and the tally for the last line.
type monitor struct {
	program *program
	screen  screen
	tally   *tally
	log     *runLog // nil = what nodes say is not kept
	closed  bool
}

// monitor returns the readers that the flags and the terminal ask for.
func (p *program) monitor() *monitor {
	p.shown = &monitor{program: p, screen: p.screen(), tally: newTally()}
	return p.shown
}

// note shows a line that is neither result nor error, on the screen of a run
// where one is going on.
func (p *program) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.log.note(text)
	switch {
	case p.quiet:
	case p.shown != nil && !p.shown.closed:
		p.shown.screen.say(text)
	default:
		fmt.Fprintln(p.Err, text)
	}
}

func (p *program) screen() screen {
	f, _ := p.Err.(*os.File)
	switch {
	case p.json:
		return &jsonScreen{p.Out, p.Err}
	case p.quiet:
		return silentScreen{}
	case isTerminal(p.Err) && p.getenv("TERM") != "dumb":
		return newLiveScreen(f, p.verbose, p.style(p.Err))
	default:
		return &plainScreen{p.Err, p.verbose, p.style(p.Err)}
	}
}

// event is the engine's Observe.
func (m *monitor) event(e tasks.Event) {
	e = m.program.masked(e)
	if m.log != nil {
		m.log.event(e)
	}
	if d, ok := e.(tasks.NodeDone); ok && d.Error != "" {
		d.Output = m.tally.output[d.Node]
		if len(d.Output) > 0 {
			d.Log = m.log.kept()
		}
		e = d
	}
	m.tally.event(e)
	m.screen.event(e)
	m.program.log.event(e)
}

// quietMonitor returns readers for a look at the machines: progress for people
// and the log, no stream of events.
func (p *program) quietMonitor() *monitor {
	m := &monitor{program: p, tally: newTally(), screen: silentScreen{}}
	if !p.json && !p.quiet {
		m.screen = &plainScreen{p.Err, p.verbose, p.style(p.Err)}
	}
	return m
}

// say shows a line to people.
func (m *monitor) say(format string, args ...any) {
	m.program.note(format, args...)
}

// close gives the terminal back, shows the last output of what went wrong and
// leaves the last line to be printed, below the errors.
func (m *monitor) close() {
	if m.closed {
		return
	}
	m.closed = true
	m.screen.close()
	if m.log != nil {
		if err := m.log.close(); err != nil {
			m.program.note("what the nodes said is not kept: %v", err)
		}
	}
	if !m.program.json {
		m.failures()
	}
	m.program.last = m.tally.line()
}

// failures prints what failed nodes said last.
func (m *monitor) failures() {
	p := m.program
	style := p.style(p.Err)
	for _, f := range m.tally.failures {
		if len(f.Output) == 0 {
			continue
		}
		fmt.Fprintf(p.Err, "last output of %s:\n", style.bold(f.Node))
		for _, line := range f.Output {
			fmt.Fprintf(p.Err, "  %s %s\n", style.dim("|"), stripControl(line))
		}
		if f.Log != "" {
			fmt.Fprintf(p.Err, "  all of it: %s\n", f.Log)
		}
	}
}

// stripControl removes what a machine's output could do to a terminal or to a
// log file.
func stripControl(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, ansi.Strip(s))
}
