package check

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// A scriptRun is one run of one script.
type scriptRun struct {
	ctx     context.Context
	options Options
	work    string          // work directory, absolute
	named   map[string]bool // environments that the program was called with

	mu     sync.Mutex
	called []string // what machines were given since the last calls
}

// machinesDirectory is where the simulated machines of a script are, so that
// its archive can prepare them and its commands look into them.
const machinesDirectory = "machines"

// homeDirectory is the operator's home in a script: no visible file of the
// project.
const homeDirectory = ".home"

// runScript runs the script called name, a file relative to the root.
func runScript(ctx context.Context, name string, o Options, needs []string) Result {
	file := filepath.Join(o.Root, name)
	data, err := os.ReadFile(file)
	if err != nil {
		return result(name, err)
	}
	if o.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Limit)
		defer cancel()
	}
	run := &scriptRun{ctx: ctx, options: o, named: map[string]bool{}}
	running := file
	if o.Update {
		// testscript writes a script where it is; a copy becomes the script
		// when all of it is written.
		dir, err := os.MkdirTemp("", "check-*")
		if err != nil {
			return result(name, err)
		}
		defer os.RemoveAll(dir)
		running = filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(running, data, 0o600); err != nil {
			return result(name, err)
		}
	}
	r := record(func(t *recorder) {
		testscript.RunT(t, testscript.Params{
			Files: []string{running}, UpdateScripts: o.Update,
			RequireExplicitExec: true, RequireUniqueNames: true,
			Setup: func(e *testscript.Env) error { return run.setup(e, needs) },
			Cmds:  run.commands(string(txtar.Parse(data).Comment)),
		})
	})
	res := Result{Name: name, Outcome: r.outcome, Output: r.reason}
	if r.outcome == Failed {
		res.Output = strings.TrimSpace(strings.ReplaceAll(r.log.String(), running, name)) + "\n"
	}
	if o.Update {
		if res.Updated, err = update(ctx, file, running, data); err != nil {
			return result(name, err)
		}
	}
	return res
}

// allowShort makes testscript's condition [short], which asks package testing,
// work in a program that is no test: it is false.
func allowShort() {
	if !flag.Parsed() {
		testing.Init()
		_ = flag.CommandLine.Parse(nil) // no arguments, nothing to complain about
	}
}

// update replaces a script by its rewritten copy, where that is another one.
func update(ctx context.Context, file, copied string, before []byte) (bool, error) {
	after, err := os.ReadFile(copied)
	if err != nil || bytes.Equal(before, after) {
		return false, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return false, err
	}
	unlock, err := durable.Lock(ctx, filepath.Dir(file))
	if err != nil {
		return false, err
	}
	defer unlock()
	return true, durable.WriteFile(file, after, info.Mode().Perm())
}

// setup makes the work directory a project, and gives its operator a home.
func (r *scriptRun) setup(e *testscript.Env, needs []string) error {
	r.work = e.WorkDir
	e.Setenv("PROJECT", r.options.Root)
	e.Setenv("NO_COLOR", "1")
	for name, dir := range map[string]string{
		"HOME": "", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache",
	} {
		e.Setenv(name, filepath.Join(e.WorkDir, homeDirectory, dir))
	}
	e.Defer(r.end)
	return errors.Join(
		os.MkdirAll(filepath.Join(e.WorkDir, homeDirectory), 0o700),
		lay(r.options.Root, e.WorkDir, needs),
		os.MkdirAll(filepath.Join(e.WorkDir, "environments"), 0o755), // what makes it a project
	)
}

// end gives back what the environments of the script took.
func (r *scriptRun) end() {
	if r.options.Ends == nil {
		return
	}
	for environment := range r.named {
		var said bytes.Buffer
		r.options.Program(context.WithoutCancel(r.ctx), Call{
			Args: r.options.Ends(environment), Dir: r.work, Getenv: r.home, Out: &said, Err: &said,
			Machines: filepath.Join(r.work, machinesDirectory), Called: func(string, string) {},
		})
	}
}

// home is the environment of the calls that end a script, whose own is gone.
func (r *scriptRun) home(name string) (string, bool) {
	dir, ok := map[string]string{
		"HOME": "", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache",
	}[name]
	if !ok {
		return os.LookupEnv(name)
	}
	return filepath.Join(r.work, homeDirectory, dir), true
}

var firstWord = regexp.MustCompile(`^(?:\[[^]]*\]\s+)*(?:!\s+)?([a-zA-Z][\w:-]*)`)

// words returns the first words of a script's lines.
func words(comment string) []string {
	var list []string
	for line := range strings.Lines(comment) {
		if m := firstWord.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			list = append(list, m[1])
		}
	}
	return list
}
