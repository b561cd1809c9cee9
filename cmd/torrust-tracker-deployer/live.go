package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/torrust/tracker-deployer/tasks"
	"golang.org/x/term"
)

// A liveScreen keeps a block at the end of a terminal that shows what is
// running: each node with its time and its last line. What is finished is
// printed above and scrolls away.
//
// It is a plain redraw, not a terminal framework: nothing reads the keyboard,
// and the program has to start within a few milliseconds.
type liveScreen struct {
	w       io.Writer
	size    func() (width, height int)
	verbose int
	style   style

	mu      sync.Mutex
	running []*activity
	drawn   int // lines of the block on the screen
	stop    chan struct{}
	stopped sync.WaitGroup
}

// An activity is a line of the block.
type activity struct {
	node  string
	act   tasks.Act
	since time.Time
	line  string
}

// redrawEvery is often enough for a clock that shows tenths of a second.
const redrawEvery = 100 * time.Millisecond

// newLiveScreen takes over the end of the terminal f until it is closed.
func newLiveScreen(f *os.File, verbose int, s style) *liveScreen {
	v := &liveScreen{w: f, verbose: verbose, style: s, stop: make(chan struct{})}
	v.size = func() (int, int) {
		w, h, err := term.GetSize(int(f.Fd()))
		if err != nil || w <= 0 || h <= 0 {
			return 80, 24
		}
		return w, h
	}
	io.WriteString(v.w, hideCursor)
	v.stopped.Go(v.tick)
	return v
}

func (v *liveScreen) tick() {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-ticker.C:
			v.mu.Lock()
			if len(v.running) > 0 {
				v.draw("")
			}
			v.mu.Unlock()
		}
	}
}

func (v *liveScreen) event(event tasks.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case tasks.NodeStarted:
		v.running = append(v.running, &activity{node: e.Node, act: e.Act, since: time.Now()})
	case tasks.NodeProgress:
		v.progress(e.Node, e.Line)
	case tasks.HostProgress:
		v.progress("vm:"+e.Host, e.Line)
	case tasks.NodeDone:
		v.running = slices.DeleteFunc(v.running, func(a *activity) bool { return a.node == e.Node })
	}
	s, ok := describe(event)
	if !ok || s.level > v.verbose || transient(event) && v.verbose == 0 {
		if len(v.running) > 0 || v.drawn > 0 {
			v.draw("")
		}
		return
	}
	v.draw(v.style.sentence(s) + "\n")
}

// transient reports whether an event is worth no more than a moment: what
// nodes say is seen in the block, and above it only with -v. Tasks are the
// user's own: what they say is what they were started for.
func transient(event tasks.Event) bool {
	switch e := event.(type) {
	case tasks.NodeProgress:
		return !strings.HasPrefix(e.Node, "task:")
	case tasks.HostProgress:
		return true
	}
	return false
}

func (v *liveScreen) progress(node, line string) {
	for _, a := range v.running {
		if a.node == node {
			a.line = line
		}
	}
}

func (v *liveScreen) say(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.draw(text + "\n")
}

// The control sequences of a terminal that are used here.
const (
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	beginUpdate = "\x1b[?2026h" // draw at once; terminals that cannot ignore it
	endUpdate   = "\x1b[?2026l"
	clearBelow  = "\r\x1b[J"
)

// draw replaces the block, with text printed above it; the lock is held.
func (v *liveScreen) draw(text string) {
	width, height := v.size()
	var b strings.Builder
	b.WriteString(beginUpdate)
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.drawn)
	}
	b.WriteString(clearBelow)
	b.WriteString(text)
	block := v.block(width, max(1, height-2))
	for _, line := range block {
		b.WriteString(line + "\n")
	}
	v.drawn = len(block)
	b.WriteString(endUpdate)
	io.WriteString(v.w, b.String())
}

// block returns the lines for what is running, those that run longest first,
// at most as many as there is room for.
func (v *liveScreen) block(width, room int) []string {
	var lines []string
	for i, a := range v.running {
		if i == room-1 && len(v.running) > room {
			lines = append(lines, v.style.dim(fmt.Sprintf("  … and %d more", len(v.running)-i)))
			break
		}
		line := fmt.Sprintf("%s %6s  %s", a.act.Sign(), seconds(time.Since(a.since)), a.node)
		if a.line != "" {
			line += "  " + v.style.dim(strings.TrimSpace(ansi.Strip(a.line)))
		}
		lines = append(lines, ansi.Truncate(line, width-1, "…"))
	}
	return lines
}

func (v *liveScreen) close() {
	close(v.stop)
	v.stopped.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running = nil
	v.draw("")
	io.WriteString(v.w, showCursor)
}
