package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// TestCheckExamples runs the tests of the examples and of the standard
// library, as users run theirs. Nothing of the project may change by that.
func TestCheckExamples(t *testing.T) {
	home := t.TempDir()
	var out, errs bytes.Buffer
	code := run(context.Background(), []string{"check"}, streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Dir: projectRoot(t),
		Getenv: func(name string) (string, bool) { return home, name == "HOME" },
	})
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	for _, test := range []string{"tests/demo.txtar", "tests/existing.txtar", "tests/tracker_test.star:test_ports"} {
		if !strings.Contains(out.String(), "ok   "+test) {
			t.Errorf("%s was not run:\n%s", test, out.String())
		}
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("the operator's home has %v (%v)", left, err)
	}
}

// TestLongRun takes -run for check alone, and only as a flag of its own.
func TestLongRun(t *testing.T) {
	for given, want := range map[string]string{
		"check -run x -u":  "check --run x -u",
		"check -run=x":     "check --run=x",
		"check --run x":    "check --run x",
		"deploy -run prod": "deploy -run prod",
		"":                 "",
	} {
		if got := strings.Join(longRun(strings.Fields(given)), " "); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}
