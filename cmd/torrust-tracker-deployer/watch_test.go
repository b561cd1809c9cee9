package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks"
)

// A machine that is waited for and stops ends the waiting.
func TestWatched(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "environments"), 0o755); err != nil {
		t.Fatal(err)
	}
	source := "environment(id = \"sim-1\")\nvm(name = \"web\", provider = simulated(dir = \"machines/web\"))\n"
	if err := os.WriteFile(filepath.Join(dir, "environments", "sim.star"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &program{streams: streams{Dir: dir, Getenv: func(string) (string, bool) { return dir, true }}}
	d, err := p.open(t.Context(), words{env: "sim"})
	if err != nil {
		t.Fatal(err)
	}
	host, machines := d.env.Hosts[0], d.simulated()
	if _, err := machines.Ensure(t.Context(), host, func(string) {}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := d.watched(t.Context(), host)
	defer cancel()
	select {
	case <-ctx.Done():
		t.Fatalf("a machine that runs is given up: %v", context.Cause(ctx))
	case <-time.After(2 * lookEvery):
	}
	if err := machines.Stop(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("a machine that stopped is waited for")
	}
	died, ok := errors.AsType[*diedError](context.Cause(ctx))
	if !ok || died.state != tasks.StateStopped {
		t.Errorf("cause %v", context.Cause(ctx))
	}
}

func TestDiedError(t *testing.T) {
	e := &diedError{state: tasks.StateStopped, reason: "it is switched off", console: []string{"\x1b[1mbooting\x1b[0m", "panic"}}
	want := "the machine is stopped: it is switched off; its console ends with\n| booting\n| panic"
	if got := e.Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !strings.Contains(e.Hint(), "repeat") {
		t.Errorf("hint %q", e.Hint())
	}
}
