package conformance

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// run runs one command.
func run(t *testing.T, m hosts.Machine, o hosts.Run) (hosts.Result, []string, error) {
	t.Helper()
	var lines []string
	results, err := m.Apply(background(), []hosts.Operation{o}, func(line string) { lines = append(lines, line) })
	if len(results) != 1 {
		t.Fatalf("%s: %d results, %v", o.Step(), len(results), err)
	}
	return results[0], lines, err
}

func commands(t *testing.T, s *suite) {
	m := s.open(t)
	t.Run("arguments", func(t *testing.T) {
		argv := append([]string{"printf", "<%s>\n"}, hardNames()...)
		r, _, err := run(t, m, hosts.Run{Argv: append(argv, ""), Root: true})
		want := "<" + strings.Join(hardNames(), ">\n<") + ">\n<>\n"
		if err != nil || r.Output != want || r.ExitCode != 0 {
			t.Errorf("printed %q, want %q (%v)", r.Output, want, err)
		}
	})
	t.Run("environment and input", func(t *testing.T) {
		r, _, err := run(t, m, hosts.Run{
			Argv:  []string{"sh", "-c", `printf '%s|' "$CANARY" "$OTHER"; cat`},
			Env:   []string{"CANARY=it's $HOME\nand more", "OTHER="},
			Input: []byte("in\x00put\n"),
		})
		want := "it's $HOME\nand more||in\x00put\n"
		if err != nil || r.Output != want {
			t.Errorf("printed %q, want %q (%v)", r.Output, want, err)
		}
	})
	t.Run("the environment shows in no argv", func(t *testing.T) {
		r, _, err := run(t, m, hosts.Run{
			Argv:  []string{"sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"},
			Env:   []string{"CANARY=kanarienvogel"},
			Input: []byte("wellensittich"), Root: true,
		})
		for _, secret := range []string{"kanarienvogel", "wellensittich"} {
			if err != nil || !strings.Contains(r.Output, "cmdline") || strings.Contains(r.Output, secret) {
				t.Errorf("%s shows in %q (%v)", secret, r.Output, err)
			}
		}
	})
	t.Run("lines", func(t *testing.T) {
		_, lines, err := run(t, m, hosts.Run{Argv: []string{"sh", "-c", "echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three"}})
		equal(t, "lines", lines, []string{"one", "two", "three"})
		equal(t, "error", err, nil)
	})
	t.Run("exit code", func(t *testing.T) {
		r, _, err := run(t, m, hosts.Run{Argv: []string{"sh", "-c", "echo out; exit 7"}})
		if err == nil || r.ExitCode != 7 || r.Output != "out\n" {
			t.Errorf("exit code %d, output %q, error %v", r.ExitCode, r.Output, err)
		}
		if r, _, err := run(t, m, hosts.Run{Argv: []string{"no-such-program"}}); err == nil || r.ExitCode != 127 {
			t.Errorf("a program that is not there: exit code %d, error %v", r.ExitCode, err)
		}
	})
	t.Run("user", func(t *testing.T) {
		who := ask[*hosts.SystemFact](t, m, hosts.SystemQuery{}).User
		r, _, err := run(t, m, hosts.Run{Argv: []string{"id", "-un"}})
		equal(t, "user", strings.TrimSpace(r.Output), who)
		equal(t, "error", err, nil)
		r, _, err = run(t, m, hosts.Run{Argv: []string{"id", "-un"}, Root: true})
		equal(t, "user with Root", strings.TrimSpace(r.Output), "root")
		equal(t, "error", err, nil)
	})
	t.Run("timeout", func(t *testing.T) { timeout(t, m) })
	t.Run("cancel", func(t *testing.T) { cancelled(t, m) })
	t.Run("unread input", func(t *testing.T) {
		r, _, err := run(t, m, hosts.Run{Argv: []string{"true"}, Input: make([]byte, 1<<20)})
		if err != nil || r.ExitCode != 0 {
			t.Errorf("exit code %d, %v", r.ExitCode, err)
		}
	})
}

// alive reports whether a process with this argument is on the machine.
func alive(t *testing.T, m hosts.Machine, mark string) bool {
	t.Helper()
	r, _, err := run(t, m, hosts.Run{Argv: []string{"sh", "-c", `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' '; true`}, Root: true})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(r.Output, "sleep "+mark)
}

func gone(t *testing.T, m hosts.Machine, mark string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); alive(t, m, mark); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("sleep %s still runs", mark)
		}
	}
}

func timeout(t *testing.T, m hosts.Machine) {
	start := time.Now()
	_, _, err := run(t, m, hosts.Run{Argv: []string{"sh", "-c", "sleep 98765.1 & sleep 98765.1"}, Timeout: 500 * time.Millisecond, Root: true})
	if !errors.Is(err, hosts.ErrTimeout) || time.Since(start) > 20*time.Second {
		t.Errorf("a command that never returns: %v after %v, want %v", err, time.Since(start), hosts.ErrTimeout)
	}
	gone(t, m, "98765.1")
}

func cancelled(t *testing.T, m hosts.Machine) {
	ctx, cancel := context.WithCancel(background())
	defer cancel()
	_, err := m.Apply(ctx, []hosts.Operation{hosts.Run{Argv: []string{"sh", "-c", "echo started; sleep 98765.2"}}}, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled command: %v, want %v", err, context.Canceled)
	}
	gone(t, m, "98765.2")
}

func kernel(t *testing.T, s *suite) {
	m := s.open(t)
	const name = "net.ipv4.ip_default_ttl"
	read := func() string {
		return ask[*hosts.SysctlFact](t, m, hosts.SysctlQuery{Names: []string{name}}).Values[name]
	}
	was := read()
	defer func() { must(t, m, hosts.SetSysctl{Values: map[string]string{name: was}}) }()
	changes(t, m, hosts.SetSysctl{Values: map[string]string{name: "77", "net.ipv4.ip_local_port_range": "20000 60000"}})
	equal(t, name, read(), "77")
	const pair = "net.ipv4.ip_local_port_range"
	equal(t, pair, ask[*hosts.SysctlFact](t, m, hosts.SysctlQuery{Names: []string{pair}}).Values[pair], "20000 60000")
	for _, values := range []map[string]string{{"net.no.such": "1"}, {name: "no number"}} {
		if _, err := m.Apply(background(), []hosts.Operation{hosts.SetSysctl{Values: values}}, nil); err == nil {
			t.Errorf("setting %v is no error", values)
		}
	}
}

func packages(t *testing.T, s *suite) {
	m := s.open(t)
	must(t, m, hosts.InstallPackages{Names: s.options.Packages})
	again := must(t, m, hosts.InstallPackages{Names: s.options.Packages})
	equal(t, "changed by a second installation", again[0].Changed, false)
	f := ask[*hosts.PackageFact](t, m, hosts.PackageQuery{Names: s.options.Packages})
	equal(t, "installed packages", len(f.Versions), len(s.options.Packages))
}
