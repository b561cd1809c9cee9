package simulated_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/hosts/conformance"
	"github.com/torrust/tracker-deployer/tasks/hosts/simulated"
)

func open(t *testing.T, dir string) *simulated.Machine {
	t.Helper()
	m, err := simulated.Open(dir, "web", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	opener := func(t *testing.T) hosts.Machine { return open(t, dir) }
	conformance.Run(t, opener, conformance.Options{Accounts: false, Systemd: true, Nftables: true,
		Packages: []string{"docker.io", "docker-compose", "conntrack"}})
	conformance.Run(t, opener, conformance.Options{Docker: true, Image: "torrust/tracker:3.0.0", Plain: "torrust/tracker:3.0.0"})
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir)
	pull := hosts.PullImage{Reference: "torrust/tracker:3.0.0"}
	if _, err := m.Apply(t.Context(), []hosts.Operation{hosts.InstallPackages{Names: []string{"docker.io"}}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		faults string
		cause  error
		text   string
	}{
		{`{"pull torrust/tracker:3.0.0": "no space"}`, hosts.ErrNoSpace, "web: pull torrust/tracker:3.0.0: no space left on the machine"},
		{`{"pull torrust/tracker:3.0.0": "timeout: after 5m0s"}`, hosts.ErrTimeout, "web: pull torrust/tracker:3.0.0: no answer before the deadline: after 5m0s"},
		{`{"pull torrust/tracker:3.0.0": "toomanyrequests"}`, nil, "web: pull torrust/tracker:3.0.0: toomanyrequests"},
		{`{"pull torrust/tracker:2.0.0": "no space"}`, nil, ""},
	} {
		if err := os.WriteFile(filepath.Join(dir, "faults.json"), []byte(c.faults), 0o600); err != nil {
			t.Fatal(err)
		}
		text := ""
		_, err := m.Apply(t.Context(), []hosts.Operation{pull}, nil)
		if err != nil {
			text = err.Error()
		}
		if text != c.text || (c.cause != nil && !errors.Is(err, c.cause)) {
			t.Errorf("%s: %q, want %q", c.faults, text, c.text)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "faults.json"), []byte(`{"observe": "connection"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Observe(t.Context(), []hosts.Query{hosts.SystemQuery{}}); !errors.Is(err, hosts.ErrConnection) {
		t.Errorf("observe: %v, want %v", err, hosts.ErrConnection)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls.log"))
	if err != nil || strings.Count(string(calls), "\n") != 5 || strings.Count(string(calls), `"outcome":"failed"`) != 3 {
		t.Errorf("calls.log is %q (%v)", calls, err)
	}
}

func TestLatency(t *testing.T) {
	m, err := simulated.Open(t.TempDir(), "web", 30*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := m.Observe(t.Context(), []hosts.Query{hosts.SystemQuery{}, hosts.ManifestQuery{}}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 30*time.Millisecond || m.Batches() != 1 {
		t.Errorf("one batch of 30ms took %v, %d batches", took, m.Batches())
	}
	slow, err := simulated.Open(t.TempDir(), "web", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := slow.Observe(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled batch: %v", err)
	}
}

// A machine that is killed between any two of its writes can be deployed to
// again: an operation repeated after only some of its writes ends the same.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir)
	write := hosts.WriteFile{Path: "/etc/x", Content: []byte("x"), Mode: "0600", Owner: "root", Group: "root"}
	if _, err := m.Apply(t.Context(), []hosts.Operation{write}, nil); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "state.json")); err != nil { // as if killed before it was written
		t.Fatal(err)
	}
	if r, err := m.Apply(t.Context(), []hosts.Operation{write}, nil); err != nil || !r[0].Changed {
		t.Fatalf("%+v, %v", r, err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil || string(got) != string(want) {
		t.Errorf("state is %s, want %s (%v)", got, want, err)
	}
}

func TestNoConnections(t *testing.T) {
	_, err := open(t, t.TempDir()).DialContext(t.Context(), "tcp", "127.0.0.1:80")
	const want = "web: connect to tcp 127.0.0.1:80: not supported on this machine: a simulated machine answers no connections"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
