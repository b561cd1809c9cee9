package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/torrust/tracker-deployer/tasks/hosts/simulated"
)

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands returns what a script can call beside testscript's own commands,
// which come first: exec and stop are theirs, the program's are "program exec"
// and "program stop". Every other word at the start of a line is the program's.
func (r *scriptRun) commands(script string) map[string]command {
	all := map[string]command{
		"drift": r.drift, "calls": r.calls, "jsoneq": jsoneq, "exits": r.exits,
		"program": r.expect,
	}
	for _, word := range words(script) {
		if all[word] == nil {
			all[word] = func(ts *testscript.TestScript, neg bool, args []string) {
				args = append([]string{word}, args...)
				r.known(ts, args)
				r.expect(ts, neg, args)
			}
		}
	}
	return all
}

// expect runs the program, which has to end with 0, or with neg otherwise.
func (r *scriptRun) expect(ts *testscript.TestScript, neg bool, args []string) {
	switch code := r.program(ts, args); {
	case code == 0 && neg:
		ts.Fatalf("%s: unexpected success", strings.Join(args, " "))
	case code != 0 && !neg:
		ts.Fatalf("%s: exit code %d", strings.Join(args, " "), code)
	}
}

// exits CODE COMMAND [ARG…] runs the program, which has to end with CODE.
func (r *scriptRun) exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	r.known(ts, args[1:])
	if code := r.program(ts, args[1:]); code != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), code, want)
	}
}

// program calls the program for a script.
func (r *scriptRun) program(ts *testscript.TestScript, args []string) int {
	var out, errs bytes.Buffer
	if env := environmentOf(args); env != "" {
		r.named[env] = true
	}
	code := r.options.Program(r.ctx, r.call(ts, args, &out, &errs))
	ts.Check(copySteady(ts.Stdout(), &out, r.work))
	ts.Check(copySteady(ts.Stderr(), &errs, r.work))
	if errors.Is(r.ctx.Err(), context.DeadlineExceeded) {
		ts.Fatalf("%s: ended after the %s that a script may take", strings.Join(args, " "), r.options.Limit)
	}
	return code
}

func (r *scriptRun) call(ts *testscript.TestScript, args []string, out, errs *bytes.Buffer) Call {
	return Call{
		Args: args, Dir: ts.MkAbs("."), Out: out, Err: errs, Machines: filepath.Join(r.work, machinesDirectory),
		Getenv: func(name string) (string, bool) {
			v := ts.Getenv(name)
			return v, v != ""
		},
		Called: func(machine, what string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.called = append(r.called, machine+": "+what)
		},
	}
}

// known ends the script at a word that nothing is called by: under "!" it
// would be a failure of the program, as if it were wanted.
func (r *scriptRun) known(ts *testscript.TestScript, args []string) {
	word := args[0]
	if slices.Contains(r.options.Commands, word) || strings.Contains(word, ":") {
		return
	}
	var out, errs bytes.Buffer
	environment := environmentOf(args[1:])
	var list struct {
		Targets []struct{ Name string }
	}
	if r.options.Program(r.ctx, r.call(ts, []string{"list", environment, "--json"}, &out, &errs)) == 0 {
		ts.Check(json.Unmarshal(out.Bytes(), &list))
	}
	for _, t := range list.Targets {
		if t.Name == word {
			return
		}
	}
	ts.Fatalf("unknown command %q: it is none of scripts, none of the program, and no target of environment %q", word, environment)
}

// environmentOf returns the last word without "=" before any "--", which is
// what the program takes for ENV; "" for none.
func environmentOf(args []string) string {
	env := ""
	for _, a := range args {
		if a == "--" {
			break
		}
		if !strings.HasPrefix(a, "-") && !strings.Contains(a, "=") {
			env = a
		}
	}
	return env
}

// drift [ENVIRONMENT/]HOST WORD… changes a simulated machine behind the
// program's back; simulated.Machine.Drift says how.
func (r *scriptRun) drift(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: drift [ENVIRONMENT/]HOST %s", strings.Join(simulated.DriftUsage(), " | "))
	}
	pattern := args[0]
	if !strings.Contains(pattern, "/") {
		pattern = "*/" + pattern
	}
	// A directory without it is one that an archive has prepared.
	found, err := filepath.Glob(filepath.Join(r.work, machinesDirectory, pattern, "machine.json"))
	ts.Check(err)
	if len(found) == 0 {
		ts.Fatalf("there is no simulated machine %q yet", args[0])
	}
	if len(found) > 1 {
		ts.Fatalf("several environments have a machine %q: say ENVIRONMENT/%s", args[0], args[0])
	}
	dir := filepath.Dir(found[0])
	m, err := simulated.Open(dir, filepath.Base(dir), 0)
	ts.Check(err)
	defer m.Close()
	ts.Check(m.Drift(args[1:]))
}

// calls prints what machines were given since the last calls, one line each,
// sorted, each once: what runs at the same time has no order.
func (r *scriptRun) calls(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: calls")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.called)
	for _, c := range slices.Compact(r.called) {
		fmt.Fprintln(ts.Stdout(), c)
	}
	ts.Stdout() // nothing was called: standard output is empty, not what it was before
	r.called = nil
}

// jsoneq A B compares two documents, files or stdout, whatever the order of
// keys and the spaces.
func jsoneq(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: jsoneq FILE|stdout FILE|stdout")
	}
	var values [2]any
	var texts [2]string
	for i, name := range args {
		if err := json.Unmarshal([]byte(ts.ReadFile(name)), &values[i]); err != nil {
			ts.Fatalf("%s is not JSON: %v", name, err)
		}
		text, err := json.MarshalIndent(values[i], "", "  ")
		ts.Check(err)
		texts[i] = string(text) + "\n"
	}
	switch equal := reflect.DeepEqual(values[0], values[1]); {
	case equal && neg:
		ts.Fatalf("%s and %s are the same document", args[0], args[1])
	case !equal && !neg:
		ts.Logf("%s", udiff.Unified(args[0], args[1], texts[0], texts[1]))
		ts.Fatalf("%s and %s differ", args[0], args[1])
	}
}
