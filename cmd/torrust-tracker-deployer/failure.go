package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1 // the run failed
	exitUsage       = 2 // the command line or the environment is wrong; nothing was touched
	exitPending     = 3 // changes are pending, with --exit-code
	exitInterrupted = 130
)

// A usageError is something wrong with the command line or with what it
// names. Nothing has been touched when it is returned.
type usageError struct {
	fact  string
	next  string // hint, "" for none
	cause error
}

func usage(format string, args ...any) *usageError {
	err := fmt.Errorf(format, args...)
	return &usageError{fact: err.Error(), cause: errors.Unwrap(err)}
}

// hint returns e with a hint.
func (e *usageError) hint(format string, args ...any) *usageError {
	e.next = fmt.Sprintf(format, args...)
	return e
}

// Error returns the fact.
func (e *usageError) Error() string { return e.fact }

// Unwrap returns the cause.
func (e *usageError) Unwrap() error { return e.cause }

// Hint returns the hint.
func (e *usageError) Hint() string { return e.next }

// A codeError is an exit code that needs no words: that of a remote command,
// or pending changes.
type codeError int

// Error names the code.
func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// errInterrupted is a run that the operator asked to end early.
var errInterrupted = errors.New("interrupted")

// exitCode maps an error to the program's exit code.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if code, ok := errors.AsType[codeError](err); ok {
		return int(code)
	}
	if interrupted(err) {
		return exitInterrupted
	}
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// isUsage reports whether err was found before anything was touched.
func isUsage(err error) bool {
	if _, ok := errors.AsType[*tasks.NodeError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*eval.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tasks.UnknownTargetError](err); ok {
		return true
	}
	return isUnusable(err)
}

// isUnusable reports whether err is a secret, or a key for secrets, with which
// nothing can be begun.
func isUnusable(err error) bool {
	_, missing := errors.AsType[*vault.MissingError](err)
	_, silent := errors.AsType[*vault.CommandError](err)
	_, retired := errors.AsType[*vault.RetiredError](err)
	_, rotating := errors.AsType[*vault.RotatingError](err)
	_, locked := errors.AsType[*vault.KeyError](err)
	_, recipient := errors.AsType[*vault.RecipientError](err)
	_, kept := errors.AsType[*vault.KeptError](err)
	return kept || missing || silent || retired || rotating || locked || recipient || errors.Is(err, vault.ErrSame)
}

// report prints err for people, or as the last object of a JSON stream.
func (p *program) report(err error) {
	if err == nil {
		return
	}
	if _, silent := errors.AsType[codeError](err); silent {
		return
	}
	if e, ok := errors.AsType[*eval.Error](err); ok {
		if p.json {
			writeJSON(p.Out, map[string]any{"event": "error", "problems": e.Problems})
			return
		}
		environments.WriteProblems(p.Err, e.Problems)
		return
	}
	if p.json {
		p.reportJSON(err)
	}
	style := p.style(p.Err)
	for _, one := range flatten(err) {
		fmt.Fprintf(p.Err, "%s %s\n", style.red("error:"), indentRest(p.clean(one.Error())))
		for _, h := range hints(one) {
			fmt.Fprintf(p.Err, "%s %s\n", style.cyan("hint:"), indentRest(p.clean(h)))
		}
	}
}

func (p *program) reportJSON(err error) {
	for _, one := range flatten(err) {
		object := struct {
			Event    string                 `json:"event"`
			Message  string                 `json:"message"`
			Node     string                 `json:"node,omitempty"`
			Position *environments.Position `json:"position,omitempty"`
			Hint     string                 `json:"hint,omitempty"`
		}{Event: "error", Message: p.clean(one.Error()), Hint: p.clean(strings.Join(hints(one), "\n"))}
		if n, ok := errors.AsType[*tasks.NodeError](one); ok {
			object.Node = n.Node
			if n.Position.File != "" {
				object.Position = &n.Position
			}
		}
		writeJSON(p.Out, object)
	}
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, flatten(e)...)
	}
	return list
}

// hints returns what err and its causes say to do, outermost first, each once.
func hints(err error) []string {
	var list []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		if h, ok := e.(interface{ Hint() string }); ok && h.Hint() != "" && !contains(list, h.Hint()) {
			list = append(list, h.Hint())
		}
	}
	if errors.Is(err, tasks.ErrBusy) {
		list = append(list, "wait until it has ended; the lock goes with the process that holds it")
	}
	return list
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// indentRest indents every line of s but the first.
func indentRest(s string) string {
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ")
}
