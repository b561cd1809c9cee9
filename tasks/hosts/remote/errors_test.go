package remote_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/hosts/remote"
)

// What can be wrong with a machine is said with its host, what was being
// done, the cause and what to do.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	const tiny = hosts.StackDirectory + "/tiny"
	for _, c := range []struct {
		name  string
		err   func(t *testing.T) error
		cause error
		text  string
		hint  string
	}{
		{
			"host key", func(t *testing.T) error {
				target := s.target("root")
				target.HostKeys = []ssh.PublicKey{newKey(t)}
				_, err := remote.Dial(t.Context(), target)
				return err
			},
			hosts.ErrHostKey,
			"web: connect to sandbox:22: the machine's host key is not the one recorded: it shows ssh-ed25519 " + ssh.FingerprintSHA256(s.hostKey),
			"if web was made anew, remove its line from the known hosts of the environment; otherwise do not connect: somebody may be in between",
		},
		{
			"no host key known", func(t *testing.T) error {
				target := s.target("root")
				target.HostKeys = nil
				_, err := remote.Dial(t.Context(), target)
				return err
			},
			hosts.ErrHostKey,
			"web: connect to sandbox:22: the machine's host key is not the one recorded: none is recorded, it shows ssh-ed25519 " + ssh.FingerprintSHA256(s.hostKey),
			"if web was made anew, remove its line from the known hosts of the environment; otherwise do not connect: somebody may be in between",
		},
		{
			"login", func(t *testing.T) error {
				target := s.target("root")
				target.Signer = newSigner(t)
				_, err := remote.Dial(t.Context(), target)
				return errors.New(strings.ReplaceAll(err.Error(), ssh.FingerprintSHA256(target.Signer.PublicKey()), "KEY"))
			},
			nil, `web: connect to sandbox:22: user "root" may not log in with the key KEY`, "",
		},
		{
			"nobody listens", func(t *testing.T) error {
				target := s.target("root")
				target.Connect = func(context.Context) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
				}
				_, err := remote.Dial(t.Context(), target)
				return err
			},
			hosts.ErrConnection, "web: connect to sandbox:22: the connection was lost: connection refused",
			"see that web is up and answers on its ssh port, then repeat the command: it continues where it stopped",
		},
		{
			"sudo", func(t *testing.T) error {
				_, err := s.dial(t, "nosudo").Observe(t.Context(), []hosts.Query{hosts.SystemQuery{}})
				return err
			},
			hosts.ErrSudo, "web: observe: sudo was refused: sudo: a password is required",
			"allow the login user of web to run every command without a password (NOPASSWD: ALL in /etc/sudoers.d), or log in as root",
		},
		{
			"full disk", func(t *testing.T) error {
				m := s.dial(t, "root")
				apply(t, m, hosts.MakeDirectory{Path: tiny, Mode: "0755"},
					hosts.Run{Argv: []string{"mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tiny}, Root: true})
				_, err := m.Apply(t.Context(), []hosts.Operation{hosts.WriteFile{Path: tiny + "/f", Content: make([]byte, 200_000), Mode: "0644"}}, nil)
				if left := entries(t, m, tiny); left != "" {
					t.Errorf("left behind: %q", left)
				}
				apply(t, m, hosts.WriteFile{Path: tiny + "/small", Content: []byte("1"), Mode: "0644"})
				return err
			},
			hosts.ErrNoSpace,
			"web: write " + tiny + "/f: no space left on the machine: install: error writing '" + tiny + "/.torrust-tracker-deployer.new': No space left on device",
			"free space on web (df -h, docker system df) or give it a larger disk, then repeat the command",
		},
		{
			"a command that never returns", func(t *testing.T) error {
				_, err := s.dial(t, "torrust").Apply(t.Context(), []hosts.Operation{hosts.Run{Argv: []string{"sleep", "inf"}, Timeout: 300 * time.Millisecond}}, nil)
				return err
			},
			hosts.ErrTimeout, "web: run sleep: no answer before the deadline: it still ran after 300ms",
			"look at what keeps web busy, then repeat the command",
		},
		{
			"connection lost in a command", func(t *testing.T) error {
				_, err := s.dial(t, "root").Apply(t.Context(), []hosts.Operation{hosts.Run{Argv: []string{"sh", "-c", "echo x; sleep inf"}}}, func(string) { s.drop() })
				return err
			},
			hosts.ErrConnection, "web: run sh: the connection was lost: wait: remote command exited without exit status or exit signal",
			"see that web is up and answers on its ssh port, then repeat the command: it continues where it stopped",
		},
		{
			"connection lost between batches", func(t *testing.T) error {
				m := s.dial(t, "root")
				observe(t, m, hosts.SystemQuery{})
				s.drop()
				_, err := m.Observe(t.Context(), []hosts.Query{hosts.SystemQuery{}})
				return errors.New(strings.Split(err.Error(), " lost: ")[0])
			},
			nil, "web: observe: the connection was", "",
		},
		{
			"another environment", func(t *testing.T) error {
				m := s.dial(t, "root")
				apply(t, m, hosts.Own{Environment: "prod-1", Name: "prod"})
				_, err := m.Apply(t.Context(), []hosts.Operation{hosts.Own{Environment: "other-1", Name: "other"}}, nil)
				return err
			},
			hosts.ErrOwned, `web: write the manifest: the machine belongs to another environment: its owner is "prod" (id "prod-1")`,
			"destroy the other environment first, or use another machine",
		},
		{
			"no systemd", func(t *testing.T) error {
				_, err := s.dial(t, "root").Apply(t.Context(), []hosts.Operation{hosts.SetUnit{Name: "x.service", Action: "start"}}, nil)
				return err
			},
			hosts.ErrUnsupported, "web: start x.service: not supported on this machine: there is no systemd", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.err(t)
			if err == nil || err.Error() != c.text {
				t.Errorf("error is\n  %v, want\n  %s", err, c.text)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("%v is not %v", err, c.cause)
			}
			if step, ok := errors.AsType[*hosts.StepError](err); ok && step.Hint() != c.hint {
				t.Errorf("hint is\n  %s, want\n  %s", step.Hint(), c.hint)
			}
		})
	}
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	check(t, err)
	return signer
}

func newKey(t *testing.T) ssh.PublicKey { return newSigner(t).PublicKey() }

func apply(t *testing.T, m hosts.Machine, operations ...hosts.Operation) []hosts.Result {
	t.Helper()
	results, err := m.Apply(t.Context(), operations, nil)
	check(t, err)
	return results
}

func observe(t *testing.T, m hosts.Machine, queries ...hosts.Query) hosts.Facts {
	t.Helper()
	facts, err := m.Observe(t.Context(), queries)
	check(t, err)
	return facts
}

// entries lists a directory of the machine.
func entries(t *testing.T, m hosts.Machine, dir string) string {
	t.Helper()
	return apply(t, m, hosts.Run{Argv: []string{"ls", "-A", dir}, Root: true})[0].Output
}

// A lost operator leaves no lock, no process and no half-written file.
func TestLostOperator(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	m := s.dial(t, "torrust")
	started := make(chan struct{}, 10)
	done := make(chan error, 1)
	go func() {
		_, err := m.Apply(context.Background(), []hosts.Operation{hosts.Run{Argv: []string{"sh", "-c", "echo started; sleep 98765.3"}, Root: true}},
			func(string) { started <- struct{}{} })
		done <- err
	}()
	<-started
	s.drop()
	if err := <-done; !errors.Is(err, hosts.ErrConnection) {
		t.Errorf("the operator sees %v", err)
	}
	next := s.dial(t, "torrust")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := next.Apply(ctx, []hosts.Operation{hosts.Run{Argv: []string{"sh", "-c", `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' '; true`}, Root: true}}, nil)
	check(t, err)
	if strings.Contains(r[0].Output, "sleep 98765.3") {
		t.Errorf("the command of the lost run still runs: %s", r[0].Output)
	}
}

// What only looks leaves no trace, and neither does a change of nothing.
func TestNoTrace(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	m := s.dial(t, "root")
	observe(t, m, hosts.SystemQuery{}, hosts.ManifestQuery{}, hosts.FileQuery{Path: "/etc/hostname", Secret: []byte("x")}, hosts.PackageQuery{Names: []string{"sudo"}})
	if n := m.Batches(); n != 1 {
		t.Errorf("observing took %d batches, want 1", n)
	}
	if left, _ := filepath.Glob(filepath.Join("/proc", itoa(s.pid), "root", hosts.StateDirectory)); left != nil {
		t.Errorf("observing left %v", left)
	}
	write := hosts.WriteFile{Path: hosts.StackDirectory + "/a b", Content: []byte("kanarienvogel"), Mode: "0600"}
	apply(t, m, write, hosts.MakeDirectory{Path: hosts.StackDirectory + "/d", Mode: "0755"}, write)
	apply(t, m, write)
	log, err := os.ReadFile(filepath.Join("/proc", itoa(s.pid), "root", hosts.StateDirectory, "audit.log"))
	check(t, err)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	if len(lines) != 2 || !strings.HasSuffix(lines[0], " test-1 write /opt/torrust-tracker-deployer/a b: changed") ||
		!strings.HasSuffix(lines[1], " test-1 make directory /opt/torrust-tracker-deployer/d: changed") {
		t.Errorf("audit log is %q", lines)
	}
	if strings.Contains(string(log), "kanarienvogel") {
		t.Error("content is in the audit log")
	}
}

// The key of a machine does not change, and a version from before it was kept
// holds afterwards.
func TestSecretBeforeKey(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	m := s.dial(t, "root")
	name := filepath.Join("/proc", itoa(s.pid), "root/etc/planted")
	check(t, os.WriteFile(name, []byte("old"), 0o600))
	query := hosts.FileQuery{Path: "/etc/planted", Secret: []byte("new")}
	f, _ := hosts.Find[*hosts.FileFact](observe(t, m, query), query)
	apply(t, m, hosts.WriteFile{Path: "/etc/planted", Content: []byte("new"), Mode: "0600", Replaces: &f.Version})
	f, _ = hosts.Find[*hosts.FileFact](observe(t, m, query), query)
	check(t, m.Close())
	other := s.dial(t, "root")
	g, _ := hosts.Find[*hosts.FileFact](observe(t, other, query), query)
	if !f.Same || !g.Same || f.Version != g.Version {
		t.Errorf("one connection sees %+v, another %+v", *f, *g)
	}
}
