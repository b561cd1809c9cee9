package e2e

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The tests of a user's environments run on a real machine when that is asked
// for: one that is made for the script and is gone after it.
func TestCheckOnARealMachine(t *testing.T) {
	w := enterPlain(t, booted)
	if err := w.kill("web"); err != nil { // it has the address
		t.Fatal(err)
	}
	star := labStar("")
	w.change(t, star[:strings.Index(star, "trk = tracker(")]+`config_file(name = "hello", host = web, path = "/srv/hello", content = fmt("this is {}\n", web.ipv4))
`)
	for _, dir := range []string{"project/tests", "tmp"} {
		if err := os.MkdirAll(w.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := `deploy lab --yes
program exec web lab -- cat /srv/hello
stdout '^this is ` + machine4 + `$'
exits 0 plan lab --exit-code
`
	if err := os.WriteFile(w.path("project/tests/real.txtar"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	before := w.env
	defer func() { w.env = before }()
	w.env = append(slices.Clone(before), "TMPDIR="+w.path("tmp"))
	r := w.must(t, "check", "--real", "--timeout", "20m")
	if !strings.Contains(lastLine(r.stderr), "1 passed") {
		t.Errorf("it says %q\n%s", lastLine(r.stderr), r.stdout)
	}
	if out, err := exec.Command("pgrep", "-af", "qemu-system.*"+w.dir+"/").CombinedOutput(); err == nil {
		t.Errorf("processes are left:\n%s", out)
	}
}
