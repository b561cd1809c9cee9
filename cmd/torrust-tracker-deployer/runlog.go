package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks"
)

// keepLogs is how many logs of runs an environment keeps.
const keepLogs = 20

// flushAfter is how old a line may get before it is written.
const flushAfter = 200 * time.Millisecond

// A runLog is a reader of the stream that keeps the whole output of all nodes
// of one run, line by line: time, node, text. The file is made with the first
// line, so that a run in which nothing says anything leaves none; the oldest
// logs go then. Where it cannot be written the run goes on without.
type runLog struct {
	dir    string
	name   string
	file   *os.File
	writer *bufio.Writer
	last   time.Time // when it was flushed
	broken error
}

// logTime is how the names of logs begin; they sort by age.
const logTime = "20060102T150405.000Z"

// newRunLog returns the log of a run that begins now.
func newRunLog(dir string, targets []string) *runLog {
	what := strings.Map(func(r rune) rune {
		if r == '/' || r == ':' {
			return '-'
		}
		return r
	}, strings.Join(targets, "+"))
	if len(what) > 100 {
		what = strings.ToValidUTF8(what[:100], "")
	}
	return &runLog{dir: dir, name: time.Now().UTC().Format(logTime) + "-" + what + ".log"}
}

// event keeps what nodes say, and how they end once something was said.
func (l *runLog) event(event tasks.Event) {
	switch e := event.(type) {
	case tasks.NodeProgress:
		if l.open() {
			l.line(e.Node, "| "+stripControl(e.Line))
		}
	case tasks.NodeDone:
		if l.file == nil || e.Act == tasks.ActNone && e.Error == "" {
			return
		}
		text := fmt.Sprintf("%s in %s", done[e.Act], seconds(e.Took))
		if e.Error != "" {
			text = "failed: " + stripControl(e.Error)
		}
		l.line(e.Node, text)
		l.flush()
	}
}

func (l *runLog) line(node, text string) {
	fmt.Fprintf(l.writer, "%s %s %s\n", time.Now().UTC().Format("15:04:05.000"), node, text)
	if time.Since(l.last) > flushAfter {
		l.flush()
	}
}

// open makes the file; false where that does not work.
func (l *runLog) open() bool {
	if l.file != nil || l.broken != nil {
		return l.broken == nil
	}
	if l.broken = os.MkdirAll(l.dir, 0o700); l.broken != nil {
		return false
	}
	if _, l.broken = pruneLogs(l.dir, keepLogs-1); l.broken != nil {
		return false
	}
	l.file, l.broken = os.OpenFile(l.path(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if l.broken != nil {
		return false
	}
	l.writer = bufio.NewWriterSize(l.file, 64<<10)
	return true
}

// path is where the log is.
func (l *runLog) path() string { return filepath.Join(l.dir, l.name) }

func (l *runLog) flush() {
	l.last = time.Now()
	if err := l.writer.Flush(); err != nil && l.broken == nil {
		l.broken = err
	}
}

// kept returns where everything that was said can be read, "" where nothing
// was, or not everything is there.
func (l *runLog) kept() string {
	if l == nil || l.file == nil || l.broken != nil {
		return ""
	}
	return l.path()
}

// close writes the rest. Its error is that the log is not whole.
func (l *runLog) close() error {
	if l.file != nil {
		l.flush()
		_ = l.file.Close() // everything is written, or broken says why not
	}
	return l.broken
}

// pruneLogs removes all but the newest logs in dir and returns the names of
// those that are gone.
func pruneLogs(dir string, keep int) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".log") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	gone := names[:max(0, len(names)-keep)]
	for i, name := range gone {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
			return gone[:i], err
		}
	}
	return gone, nil
}
