package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// clockStar is a project on the machine itself, which can set its clock.
const clockStar = `task(name = "copy", run = ["cp", "in", "out"], inputs = ["in"], outputs = ["out"])
`

// A record is as good when the clock has been set back: what was edited since
// is noticed, though its times are older than the record, and what was not
// does not run again.
func TestClockSetBack(t *testing.T) {
	w := enter(t, booted)
	program, err := os.Open(buildStatic(t, "github.com/torrust/tracker-deployer/cmd/torrust-tracker-deployer"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	w.feed(t.Context(), t, program, "sudo sh -c 'cat >/usr/local/bin/deployer && chmod 755 /usr/local/bin/deployer'")
	w.on(t, "mkdir -p /root/p/environments && cd /root/p && printf '%s' '"+clockStar+"' >environments/dev.star && echo one >in")
	run := func(before string) string {
		t.Helper()
		return strings.TrimSpace(w.on(t, "cd /root/p && { "+before+"; } >/dev/null && HOME=/root deployer copy dev >/dev/null 2>/tmp/said; tail -n1 /tmp/said; cat out"))
	}
	for _, step := range []struct{ name, before, ran, out string }{
		{"first", "true", "1 ran", "one"},
		{"again", "sleep 3", "", "one"}, // times are trusted when they are 2 s old
		{"a day back, nothing else", "date -s '-1 day'", "", "one"},
		{"a day back, edited", "echo two >in", "1 ran", "two"},
		{"two days back, its output edited", "date -s '-1 day'; echo six >out", "1 ran", "two"},
		{"two days back, nothing else", "true", "", "two"},
		{"back in the present, edited", "date -s '+2 days'; echo ten >in", "1 ran", "ten"},
	} {
		got := run(step.before)
		said, out, _ := strings.Cut(got, "\n")
		if strings.Contains(said, "1 ran") != (step.ran != "") || !strings.Contains(said, "0 failed") || out != step.out {
			t.Errorf("%s: %q, want %q and %q", step.name, got, step.ran, step.out)
		}
	}
}

// buildStatic builds a program that runs on any machine with the same
// processor.
func buildStatic(t *testing.T, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}
