package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
)

// sandbox makes a mount and process namespace a machine: what is written to
// /etc, /var, /opt, /root and /home leaves no trace, and OpenSSH listens on a
// port of loopback. It lives until stdin is closed.
const sandbox = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /run/over
for d in etc var opt root home; do
  mkdir -p /run/over/$d/up /run/over/$d/work
  mount -t overlay overlay -o lowerdir=/$d,upperdir=/run/over/$d/up,workdir=/run/over/$d/work /$d
done
rm -rf /opt/torrust-tracker-deployer /var/lib/torrust-tracker-deployer /etc/ssh/sshd_config.d/* /etc/ssh/ssh_host_*
mkdir -p /etc/ssh/sshd_config.d /etc/keys
printf '%s' "$HOST_KEY" >/etc/ssh/ssh_host_ed25519_key
chmod 600 /etc/ssh/ssh_host_ed25519_key
cat >/etc/ssh/sshd_config <<CONFIG
UsePAM no
StrictModes no
PasswordAuthentication no
AuthorizedKeysFile /etc/keys/%u
ListenAddress 127.0.0.1:$PORT
CONFIG
useradd -m -s /bin/sh torrust
usermod -p '*' torrust
mkdir -p /etc/sudoers.d
echo 'torrust ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/torrust
chmod 440 /etc/sudoers.d/torrust
printf '%s' "$USER_KEY" >/etc/keys/torrust
/usr/sbin/sshd -D -e &
echo ready
exec cat
`

// machine starts a sandbox that user torrust may log in to with the key in
// ~/.ssh, and not with that in the file stranger. It sets PORT and FINGERPRINT.
func machine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: machine")
	}
	hostPEM, host := newKey(ts)
	userPEM, user := newKey(ts)
	dir := filepath.Join(ts.Getenv("HOME"), ".ssh")
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(os.WriteFile(filepath.Join(dir, "id_ed25519"), userPEM, 0o600))

	stranger, _ := newKey(ts)
	ts.Check(os.WriteFile(ts.MkAbs("stranger"), stranger, 0o600))

	port := freePort(ts)
	cmd := exec.Command("sh", "-c", sandbox)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	cmd.Env = append(os.Environ(), "PORT="+port, "HOST_KEY="+string(hostPEM), "USER_KEY="+string(ssh.MarshalAuthorizedKey(user)))
	var log bytes.Buffer
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		stdin.Close()
		_ = cmd.Process.Kill() // all of the namespace goes with its first process
		_ = cmd.Wait()
	})
	ready := make([]byte, 6)
	if _, err := io.ReadFull(stdout, ready); err != nil {
		_ = cmd.Wait()
		ts.Fatalf("the sandbox needs root, openssh-server, sudo and namespaces: %v\n%s", err, log.String())
	}
	answers(ts, net.JoinHostPort("127.0.0.1", port))
	ts.Setenv("PORT", port)
	ts.Setenv("FINGERPRINT", ssh.FingerprintSHA256(host))
}

func newKey(ts *testscript.TestScript) (private []byte, public ssh.PublicKey) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	block, err := ssh.MarshalPrivateKey(key, "test")
	ts.Check(err)
	public, err = ssh.NewPublicKey(key.Public())
	ts.Check(err)
	return pem.EncodeToMemory(block), public
}

func freePort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// answers waits until a server accepts connections.
func answers(ts *testscript.TestScript, address string) {
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var conn net.Conn
		if conn, err = net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
	}
	ts.Fatalf("%s does not answer: %v", address, err)
}
