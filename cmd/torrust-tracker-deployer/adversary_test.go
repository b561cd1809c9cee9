package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/internal/adversary"
)

// tasked is this program as a tool of the adversary's table. What it is asked to
// tell it finds out anew, so that without flags it also rests on memos.
type tasked struct {
	home  string
	flags []string
}

func (t tasked) Write(dir string, b adversary.Build) error {
	text := fmt.Sprintf(`theme = %q
first = task(name = "first", run = ["first"], inputs = ["head.src"], outputs = ["build/head.txt"])
task(
    name = "pages",
    run = ["pages", %q, theme, arg("title")],
    args = {"title": option(str)},
    inputs = glob(["in/*.txt", "other/*.txt"]) + ["link", first],
    outputs = ["build/pages"],
    env = {"MODE": %q},
)
`, b.Theme, b.Style, b.Mode)
	if err := os.MkdirAll(filepath.Join(dir, "environments"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "environments", "e.star"), []byte(text), 0o644)
}

func (t tasked) Command(_ string, b adversary.Build) *exec.Cmd {
	cmd := exec.Command(programName, "pages", "e", "title="+b.Title)
	cmd.Args = append(cmd.Args, t.flags...)
	cmd.Env = []string{"HOME=" + t.home, "NO_COLOR=1"}
	return cmd
}

// TestAdversary plays the whole table: each row right after a build, when the
// times of files say nothing, and long after it, when they are trusted, with
// and without a memo that nothing was to do. Rows mostly wait for times to
// age, so that many are played at once.
func TestAdversary(t *testing.T) {
	slots := make(chan struct{}, 24)
	for _, row := range adversary.Rows() {
		for _, c := range []struct {
			when    string
			settled bool
			flags   []string
		}{
			{"at once", false, nil},
			{"settled", true, []string{"-v"}},
			{"remembered", true, nil},
		} {
			tool, dir := tasked{t.TempDir(), c.flags}, t.TempDir()
			type result struct {
				adversary.Outcome
				err error
			}
			played := make(chan result, 1)
			go func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				o, err := adversary.Play(tool, row, dir, c.settled)
				played <- result{o, err}
			}()
			t.Run(row.Name+"/"+c.when, func(t *testing.T) {
				t.Parallel()
				o := <-played
				if o.err != nil {
					t.Fatal(o.err)
				}
				if list, _ := filepath.Glob(filepath.Join(tool.home, ".local/state", programName, memos, "*")); row.Name == "nothing" && len(list) == 0 && c.when == "remembered" {
					t.Error("nothing was remembered")
				}
				if !o.Right(row) {
					t.Errorf("%v ran, want %v; wrong: %q; once more: %v\n%s", o.Ran, row.Runs, o.Wrong, o.Again, strings.TrimSpace(o.Said))
				}
			})
		}
	}
}
