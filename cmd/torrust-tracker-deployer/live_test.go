package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/torrust/tracker-deployer/tasks"
	"golang.org/x/sys/unix"
)

// still returns a live screen that is drawn only by events.
func still(w io.Writer, width, height int) *liveScreen {
	return &liveScreen{w: w, size: func() (int, int) { return width, height }, stop: make(chan struct{})}
}

// lastBlock returns the lines that were drawn last.
func lastBlock(text string) []string {
	at := strings.LastIndex(text, clearBelow)
	body := strings.TrimSuffix(text[at+len(clearBelow):], endUpdate)
	return strings.Split(strings.TrimSuffix(body, "\n"), "\n")
}

func TestLiveBlock(t *testing.T) {
	var b bytes.Buffer
	v := still(&b, 60, 24)
	v.event(tasks.NodeStarted{Node: "vm:web", Act: tasks.ActCreate})
	v.event(tasks.NodeStarted{Node: "vm:db", Act: tasks.ActUpdate})
	v.event(tasks.NodeProgress{Node: "vm:web", Line: "\x1b[31mdownloading\x1b[0m " + strings.Repeat("x", 100)})
	lines := lastBlock(b.String())
	if len(lines) != 2 {
		t.Fatalf("block %q", lines)
	}
	if want := "+   0.0s  vm:web  downloading xxx"; !strings.HasPrefix(lines[0], want) {
		t.Errorf("line %q does not begin with %q", lines[0], want)
	}
	if w := ansi.StringWidth(lines[0]); w > 59 {
		t.Errorf("line of %d columns on a terminal of 60", w)
	}
	if want := "~   0.0s  vm:db"; lines[1] != want {
		t.Errorf("line %q, want %q", lines[1], want)
	}

	// What is done is printed once, above; the rest of the block goes on.
	b.Reset()
	v.event(tasks.NodeDone{Node: "vm:web", Act: tasks.ActCreate, Took: 1500 * time.Millisecond})
	if !strings.HasPrefix(b.String(), beginUpdate+"\x1b[2A"+clearBelow+"vm:web: created in 1.5s\n~ ") {
		t.Errorf("drawn %q", b.String())
	}
	b.Reset()
	v.event(tasks.NodeDone{Node: "vm:db", Act: tasks.ActUpdate, Error: "no space"})
	if lines := lastBlock(b.String()); len(lines) != 1 || lines[0] != "vm:db: failed after 0.0s: no space" {
		t.Errorf("drawn %q", lines)
	}
	if v.drawn != 0 {
		t.Errorf("%d lines are left", v.drawn)
	}
}

func TestLiveBlockFitsTheTerminal(t *testing.T) {
	var b bytes.Buffer
	v := still(&b, 40, 7)
	for i := range 20 {
		v.event(tasks.NodeStarted{Node: fmt.Sprint("file:", i), Act: tasks.ActUpdate})
	}
	lines := lastBlock(b.String())
	if len(lines) != 5 || lines[4] != "  … and 16 more" {
		t.Errorf("block %q", lines)
	}
}

// terminal returns both ends of a new pseudo-terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// onTerminal runs the program with a terminal for its three streams and
// returns the exit code and what the terminal got.
func onTerminal(t *testing.T, dir string, env map[string]string, input string, args ...string) (int, string) {
	t.Helper()
	master, slave := terminal(t)
	got := make(chan string)
	go func() {
		data, _ := io.ReadAll(master) // ends with an error when the other end is closed
		got <- string(data)
	}()
	if _, err := io.WriteString(master, input); err != nil {
		t.Fatal(err)
	}
	code := run(context.Background(), args, streams{
		In: slave, Out: slave, Err: slave, Dir: dir,
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	slave.Close()
	return code, <-got
}

var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func TestOnTerminal(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "environments", "sim.star")
	source := `environment(id = "sim-1")
web = vm(name = "web", provider = simulated(dir = "machines/web"))
config_file(name = "motd", host = web, path = "/etc/motd", content = "hello\n")
`
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOME": filepath.Join(dir, "home"), "TERM": "xterm"}

	code, got := onTerminal(t, dir, env, "", "deploy", "sim")
	if code != 0 || !colour.MatchString(got) {
		t.Errorf("code %d, no colours in %q", code, got)
	}
	if strings.Count(got, hideCursor) != 1 || !strings.Contains(got, showCursor) || strings.Index(got, showCursor) < strings.Index(got, hideCursor) {
		t.Errorf("the cursor is not given back in %q", got)
	}
	plain := ansi.Strip(got)
	if !strings.Contains(plain, "file:motd: created in ") {
		t.Errorf("what was done is missing in %q", plain)
	}
	if !regexp.MustCompile(`[\r\n]2 changed, 1 unchanged, 0 failed in \d+\.\ds\r?\n$`).MatchString(plain) {
		t.Errorf("the last line is missing in %q", plain)
	}

	// A question on the terminal, answered in both ways.
	if err := os.WriteFile(file, []byte(source[:strings.Index(source, "config_file")]), 0o644); err != nil {
		t.Fatal(err)
	}
	code, got = onTerminal(t, dir, env, "n\n", "deploy", "sim")
	if code != exitFailed || !strings.Contains(ansi.Strip(got), "This run removes file:motd. Go on? [y/N]") {
		t.Errorf("code %d, no question in %q", code, got)
	}
	code, got = onTerminal(t, dir, env, "y\n", "deploy", "sim")
	if code != exitDone || !strings.Contains(ansi.Strip(got), "file:motd: removed in ") {
		t.Errorf("code %d, nothing removed in %q", code, got)
	}

	// No colours where they are not wanted.
	for name, change := range map[string]func(map[string]string) []string{
		"NO_COLOR":   func(e map[string]string) []string { e["NO_COLOR"] = "1"; return nil },
		"--no-color": func(map[string]string) []string { return []string{"--no-color"} },
		"TERM=dumb":  func(e map[string]string) []string { e["TERM"] = "dumb"; return nil },
	} {
		own := map[string]string{"HOME": env["HOME"], "TERM": "xterm"}
		args := append([]string{"deploy", "sim", "-v"}, change(own)...)
		if _, got := onTerminal(t, dir, own, "", args...); colour.MatchString(got) {
			t.Errorf("%s: colours in %q", name, got)
		}
	}
}
