package remote_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts/remote"
)

// A sandbox is a machine for tests: a mount, process and network namespace
// in which /etc, /var, /opt, /root and /home may be written to without a
// trace, and an OpenSSH server that is started for each connection on a pair
// of sockets. No port is opened.
type sandbox struct {
	pid     int
	hostKey ssh.PublicKey
	signer  ssh.Signer

	mu    sync.Mutex
	conns []net.Conn
	log   bytes.Buffer
}

// What makes the namespace a machine; it lives until stdin is closed.
const setup = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /run/over
for d in etc var opt root home; do
  mkdir -p /run/over/$d/up /run/over/$d/work
  mount -t overlay overlay -o lowerdir=/$d,upperdir=/run/over/$d/up,workdir=/run/over/$d/work /$d
done
ip link set lo up 2>/dev/null || true
rm -rf /opt/torrust-tracker-deployer /var/lib/torrust-tracker-deployer /etc/ssh/sshd_config.d/* /etc/ssh/ssh_host_*
mkdir -p /etc/ssh/sshd_config.d /etc/keys
printf '%s' "$HOST_KEY" >/etc/ssh/ssh_host_ed25519_key
chmod 600 /etc/ssh/ssh_host_ed25519_key
cat >/etc/ssh/sshd_config <<CONFIG
Include /etc/ssh/sshd_config.d/*.conf
UsePAM no
PermitRootLogin yes
StrictModes no
PasswordAuthentication no
AuthorizedKeysFile /etc/keys/%u
CONFIG
for u in torrust nosudo; do
  useradd -m -s /bin/sh $u
  usermod -p '*' $u
done
echo 'torrust ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/torrust
chmod 440 /etc/sudoers.d/torrust
for u in root torrust nosudo; do printf '%s' "$USER_KEY" >/etc/keys/$u; done
echo ready
exec cat
`

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	for _, tool := range []string{"/usr/sbin/sshd", "/usr/bin/nsenter", "/usr/bin/sudo", "/usr/sbin/nft"} {
		if _, err := os.Stat(tool); err != nil {
			t.Fatalf("this test needs %s: apt-get install openssh-server util-linux sudo nftables (%v)", tool, err)
		}
	}
	if os.Getuid() != 0 {
		t.Fatal("this test makes namespaces and needs root")
	}
	s := &sandbox{}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	block, err := ssh.MarshalPrivateKey(private, "throw-away")
	check(t, err)
	s.hostKey, err = ssh.NewPublicKey(private.Public())
	check(t, err)
	_, login, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	s.signer, err = ssh.NewSignerFromKey(login)
	check(t, err)

	cmd := exec.Command("sh", "-c", setup)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET}
	cmd.Env = append(os.Environ(), "HOST_KEY="+string(pem.EncodeToMemory(block)),
		"USER_KEY="+string(ssh.MarshalAuthorizedKey(s.signer.PublicKey())))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	check(t, err)
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		s.drop()
		stdin.Close()
		_ = cmd.Process.Kill() // all of the namespace goes with its first process
		_ = cmd.Wait()
		if t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Logf("sshd said:\n%s", s.log.String())
		}
	})
	ready := make([]byte, 6)
	if _, err := io.ReadFull(stdout, ready); err != nil || string(ready) != "ready\n" {
		t.Fatalf("the namespace is not ready: %q, %v\n%s", ready, err, stderr.String())
	}
	s.pid = cmd.Process.Pid
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Write takes what the servers log.
func (s *sandbox) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

// connect starts a server and returns the connection to it.
func (s *sandbox) connect(context.Context) (net.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "client"), os.NewFile(uintptr(fds[1]), "server")
	defer ours.Close()
	defer theirs.Close()
	cmd := s.inside("/usr/sbin/sshd", "-i", "-e")
	cmd.Stdin, cmd.Stdout = theirs, theirs
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait() }() // its end is seen on the connection
	conn, err := net.FileConn(ours)
	if err == nil {
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
	}
	return conn, err
}

// inside returns a command that runs in the namespace.
func (s *sandbox) inside(argv ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-t", fmt.Sprint(s.pid), "-m", "-p", "-n", "--"}, argv...)...)
	cmd.Stderr = s
	return cmd
}

// drop cuts every connection.
func (s *sandbox) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

func (s *sandbox) target(user string) remote.Target {
	return remote.Target{Host: "web", Address: "sandbox:22", User: user, Signer: s.signer,
		HostKeys: []ssh.PublicKey{s.hostKey}, Environment: "test-1", Connect: s.connect}
}

// dial connects as user; the connection ends with t.
func (s *sandbox) dial(t *testing.T, user string) *remote.Machine {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, err := remote.Dial(ctx, s.target(user))
	check(t, err)
	t.Cleanup(func() {
		if err := m.Close(); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	})
	return m
}

func itoa(n int) string { return fmt.Sprint(n) }
