// Package adversary does to clean builds what makes tools say "up to date"
// where they are not, and run where they need not.
//
// There is one build of two steps, which [Build] describes and every [Tool]
// writes in its own language:
//
//	first   head.src                              → build/head.txt
//	pages   in/*.txt other/*.txt link, first's    → build/pages/
//
// Both are programs in bin/, which comes first in PATH. They note in the file
// runs that they ran, so that what a tool did can be seen without asking it.
// What has to come out is computed here, from the files as they are.
//
// A [Row] of the table is something that happens between two builds, and which
// steps have to run then. [Play] plays one against a tool.
package adversary

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Build is what varies in the description of the build.
type Build struct {
	Style string // a word of pages' command, as it stands in the file
	Theme string // a variable of the file, which is the next word of the command
	Title string // given on the command line for this build: the last word
	Mode  string // variable MODE of pages' environment
}

// clean returns the build as it is at the beginning.
func clean() Build { return Build{Style: "plain", Theme: "dark", Title: "one", Mode: "release"} }

// The steps.
const (
	First = "first"
	Pages = "pages"
)

// A Tool is a build tool with its way to describe the build.
type Tool interface {
	// Write writes the tool's file for b into the directory of the build.
	Write(dir string, b Build) error
	// Command returns the command that builds pages, not started, with the
	// tool's own variables in its environment. PATH and the working
	// directory are set by the caller.
	Command(dir string, b Build) *exec.Cmd
}

// An Outcome is what a tool did.
type Outcome struct {
	Ran   []string // steps that ran after the change, sorted
	Wrong string   // in what the output is not what it has to be, "" = in nothing
	Again []string // steps that ran once more when nothing was changed since
	Said  string   // by the tool, about the change
}

// Right reports whether the outcome is what the row wants.
func (o Outcome) Right(r Row) bool {
	return slices.Equal(o.Ran, r.Runs) && o.Wrong == "" && len(o.Again) == 0
}

// Settling is how long a build of the table is left alone so that no tool has
// to doubt the times of its files.
const Settling = 2200 * time.Millisecond

// Play builds in dir, which is empty, has the row's change happen, builds again,
// and once more. With settled the change comes when the build is so old that
// its times can be trusted, and was found to be up to date then. Its error is
// that something else went wrong, such as a build of the unchanged files.
func Play(t Tool, r Row, dir string, settled bool) (Outcome, error) {
	p := &play{tool: t, dir: dir, build: clean()}
	if err := p.prepare(r); err != nil {
		return Outcome{}, err
	}
	if ran, said, err := p.run(); err != nil || !slices.Equal(ran, []string{First, Pages}) {
		return Outcome{}, fmt.Errorf("the first build ran %v: %w\n%s", ran, cmpErr(err), said)
	}
	if settled {
		if err := p.settle(); err != nil {
			return Outcome{}, err
		}
	}
	before := p.build
	if err := r.Change(p.dir, &p.build); err != nil {
		return Outcome{}, err
	}
	if p.build != before {
		if err := t.Write(dir, p.build); err != nil {
			return Outcome{}, err
		}
	}
	if r.Kill != "" {
		if err := p.kill(r.Kill); err != nil {
			return Outcome{}, err
		}
	}
	if r.Undo != nil {
		if err := r.Undo(p.dir, &p.build); err != nil {
			return Outcome{}, err
		}
	}
	var o Outcome
	var err error
	if o.Ran, o.Said, err = p.run(); err != nil {
		return o, fmt.Errorf("the second build: %w\n%s", err, o.Said)
	}
	if o.Wrong, err = p.wrong(); err != nil {
		return o, err
	}
	var said string
	if o.Again, said, err = p.run(); err != nil {
		return o, fmt.Errorf("the third build: %w\n%s", err, said)
	}
	return o, nil
}

var errSteps = errors.New("these are not the steps")

func cmpErr(err error) error {
	if err == nil {
		return errSteps
	}
	return err
}

// A play is a row being played.
type play struct {
	tool  Tool
	dir   string
	build Build
}

func (p *play) path(name string) string { return filepath.Join(p.dir, name) }

// command returns a build with bin/ first in PATH.
func (p *play) command() *exec.Cmd {
	cmd := p.tool.Command(p.dir, p.build)
	cmd.Dir = p.dir
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	path := p.path("early") + ":" + p.path("bin") + ":" + os.Getenv("PATH")
	cmd.Env = append(cmd.Env, "PATH="+path)
	return cmd
}

// run builds and returns which steps ran.
func (p *play) run() (ran []string, said string, err error) {
	if err := os.Remove(p.path("runs")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", err
	}
	out, err := p.command().CombinedOutput()
	if err != nil {
		return nil, string(out), err
	}
	data, err := os.ReadFile(p.path("runs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, string(out), err
	}
	ran = strings.Fields(string(data))
	slices.Sort(ran)
	return ran, string(out), nil
}

// settle waits until the build is old, and builds once more: a tool may want to
// see with its own eyes that nothing has changed.
func (p *play) settle() error {
	info, err := os.Stat(p.path("build/pages"))
	if err != nil {
		return err
	}
	old := info.ModTime().Add(Settling)
	for time.Now().Before(old) {
		time.Sleep(time.Until(old))
	}
	for range 2 { // the second finds what the first has learned
		if ran, said, err := p.run(); err != nil || len(ran) > 0 {
			return fmt.Errorf("nothing was changed, and it ran %v (%w)\n%s", ran, cmpErr(err), said)
		}
	}
	return nil
}

// patience is how long a step may take to get where it is awaited.
const patience = 20 * time.Second

// kill starts a build and kills it, as kill -9 does, while pages stands still
// after having written half of its output, or the whole. Nothing of it goes on
// then.
func (p *play) kill(when string) error {
	if err := os.WriteFile(p.path("hang."+when), nil, 0o644); err != nil {
		return err
	}
	cmd := p.command()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	reached := p.await("reached")
	if err := errors.Join(reached, syscall.Kill(cmd.Process.Pid, syscall.SIGKILL)); err != nil {
		return err
	}
	_ = cmd.Wait() // it was killed
	if err := os.WriteFile(p.path("stop"), nil, 0o644); err != nil {
		return err
	}
	if err := p.await("gone"); err != nil {
		return err
	}
	for _, name := range []string{"hang." + when, "reached", "stop", "gone"} {
		if err := os.Remove(p.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// await waits for a file.
func (p *play) await(name string) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(p.path(name)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no file %s after %s", name, patience)
}
