package remote_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/hosts/remote"
)

// Long operations run beside each other, at most four, and a batch is answered
// meanwhile.
func TestLongSessions(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	m := s.dial(t, "root")
	apply(t, m, hosts.MakeDirectory{Path: hosts.StackDirectory + "/now", Mode: "0755"})
	counts := make(chan int, 8)
	var all sync.WaitGroup
	for i := range cap(counts) {
		all.Go(func() {
			text := fmt.Sprintf("cd %s/now && mkdir %d && sleep 0.5 && ls | wc -l && sleep 0.5 && rmdir %d", hosts.StackDirectory, i, i)
			r, err := m.Apply(context.Background(), []hosts.Operation{hosts.Run{Argv: []string{"sh", "-c", text}, Root: true}}, nil)
			if err != nil {
				t.Error(err)
			}
			n, err := strconv.Atoi(strings.TrimSpace(r[0].Output))
			if err != nil {
				t.Error(err)
			}
			counts <- n
		})
	}
	observe(t, m, hosts.SystemQuery{})
	all.Wait()
	close(counts)
	most := 0
	for n := range counts {
		most = max(most, n)
	}
	if most < 2 || most > 4 {
		t.Errorf("%d long operations ran at once, want 2 to 4", most)
	}
}

// A new run waits for what an earlier one left at work, and says so.
func TestLeftAtWork(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	first := s.dial(t, "root")
	apply(t, first, hosts.MakeDirectory{Path: hosts.StackDirectory, Mode: "0755"})
	check(t, first.Close())
	// What an installation of packages looks like whose operator is gone.
	left := s.inside("flock", "-s", hosts.StateDirectory+"/lock.work", "sh", "-c", "echo at work; exec sleep 4")
	out, err := left.StdoutPipe()
	check(t, err)
	check(t, left.Start())
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	var said []string
	_, err = s.dial(t, "root").Apply(t.Context(), []hosts.Operation{hosts.MakeDirectory{Path: hosts.StackDirectory + "/d", Mode: "0755"}},
		func(line string) { said = append(said, line) })
	check(t, err)
	if err := left.Wait(); err != nil || len(said) != 1 || said[0] != "waiting for an operation of an earlier run" {
		t.Errorf("said %q; what was left at work ended with %v", said, err)
	}
}

// A runner that only looked is not waited for, and ends all the same.
func TestNothingStaysAfterALook(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	m := s.dial(t, "torrust")
	observe(t, m, hosts.SystemQuery{})
	runs := func() bool {
		return s.inside("sh", "-c", `grep -qsz '^eval "\$(head' /proc/[0-9]*/cmdline`).Run() == nil
	}
	if !runs() {
		t.Fatal("there is no runner after a batch")
	}
	check(t, m.Close())
	for end := time.Now().Add(20 * time.Second); runs(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the runner is still there")
		}
	}
}

func TestLockedByName(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	make := hosts.MakeDirectory{Path: hosts.StackDirectory, Mode: "0755"}
	apply(t, s.dial(t, "root"), make)
	_, err := s.dial(t, "torrust").Apply(t.Context(), []hosts.Operation{make}, nil)
	if !errors.Is(err, hosts.ErrLocked) || !strings.HasPrefix(err.Error(), "web: make directory /opt/torrust-tracker-deployer: another run is changing this machine: pid ") ||
		!strings.Contains(err.Error(), ", user ") || !strings.Contains(err.Error(), ", since 20") {
		t.Errorf("error is %v", err)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	target := s.target("root")
	target.Connect, target.Address = nil, "127.0.0.1:1" // nobody listens there
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if _, err := remote.Await(ctx, target, nil); !errors.Is(err, hosts.ErrTimeout) {
		t.Errorf("awaiting nobody: %v, want %v", err, hosts.ErrTimeout)
	}
	target = s.target("root")
	target.HostKeys[0] = newKey(t)
	start := time.Now()
	if _, err := remote.Await(t.Context(), target, nil); !errors.Is(err, hosts.ErrHostKey) || time.Since(start) > 20*time.Second {
		t.Errorf("awaiting an impostor: %v after %v, want %v at once", err, time.Since(start), hosts.ErrHostKey)
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	m := s.dial(t, "torrust")
	for _, c := range []struct {
		argv []string
		root bool
		in   string
		code int
		out  string
	}{
		{[]string{"id", "-un"}, false, "", 0, "torrust\n"},
		{[]string{"id", "-un"}, true, "", 0, "root\n"},
		{[]string{"cat"}, false, "in $HOME\n", 0, "in $HOME\n"},
		{[]string{"printf", "<%s>", "it's", "a b", "$x\n"}, true, "", 0, "<it's><a b><$x\n>"},
		{[]string{"sh", "-c", "exit 9"}, false, "", 9, ""},
	} {
		var out strings.Builder
		code, err := m.Exec(t.Context(), c.argv, c.root, strings.NewReader(c.in), &out, s)
		if err != nil || code != c.code || out.String() != c.out {
			t.Errorf("%q: exit code %d, %q, %v; want %d, %q", c.argv, code, out.String(), err, c.code, c.out)
		}
	}
}
