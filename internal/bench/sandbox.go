package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A sandbox is a sshd on the loopback of this namespace, in front of a system
// whose /etc, /opt, /var/lib and /srv are throw-away copies.
type sandbox struct {
	work string // outside of what is covered
	key  string // the client's private key file
}

// address is where the sandbox's sshd listens.
const address = "127.0.0.1:2222"

// openSandbox covers the directories and makes the keys. Everything ends with
// this process, which is the first of its namespace.
func openSandbox(ctx context.Context, work string) (*sandbox, error) {
	s := &sandbox{work: work, key: filepath.Join(work, "home", ".ssh", "id_ed25519")}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		return nil, err
	}
	for _, dir := range []string{"/etc", "/opt", "/var/lib", "/srv"} {
		over := filepath.Join(work, "over", strings.ReplaceAll(dir, "/", "_"))
		if err := quietly(ctx, "mkdir", "-p", over+"/upper", over+"/work"); err != nil {
			return nil, err
		}
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", dir, over, over)
		if err := quietly(ctx, "mount", "-t", "overlay", "overlay", "-o", options, dir); err != nil {
			return nil, err
		}
	}
	// The client's key lies where ssh and the program look for it.
	if err := os.MkdirAll(filepath.Dir(s.key), 0o700); err != nil {
		return nil, err
	}
	for _, argv := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.key},
		{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(work, "host")},
		{"cp", s.key + ".pub", filepath.Join(work, "authorized_keys")},
	} {
		if err := quietly(ctx, argv[0], argv[1:]...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// serve runs sshd until the returned function is called. With record, the
// command and the input of the last session are kept in files beside work.
func (s *sandbox) serve(ctx context.Context, record bool) (end func(), err error) {
	lines := []string{
		"ListenAddress " + address, "HostKey " + filepath.Join(s.work, "host"), "PermitRootLogin prohibit-password",
		"StrictModes no", "AuthorizedKeysFile " + filepath.Join(s.work, "authorized_keys"), "UsePAM no", "PidFile none",
		"MaxStartups 100", "Subsystem sftp internal-sftp",
	}
	if record {
		lines = append(lines, fmt.Sprintf(
			`ForceCommand printf "%%s" "$SSH_ORIGINAL_COMMAND" >%[1]s/command; tee %[1]s/stdin | sh -c "$SSH_ORIGINAL_COMMAND"`, s.work))
	}
	config := filepath.Join(s.work, "sshd_config")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	sshd := exec.CommandContext(ctx, "/usr/sbin/sshd", "-D", "-f", config)
	if err := sshd.Start(); err != nil {
		cancel()
		return nil, err
	}
	end = func() {
		cancel()
		_ = sshd.Wait() // it was told to end
	}
	if err := s.await(ctx); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

func (s *sandbox) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("sshd: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ssh returns a command that runs remote over one new connection.
func (s *sandbox) ssh(name, remote string, stdin []byte) command {
	return command{name: name, stdin: stdin, argv: []string{
		"ssh", "-F", "none", "-i", s.key, "-p", "2222", "-o", "StrictHostKeyChecking=accept-new",
		"-o", "UserKnownHostsFile=" + filepath.Join(s.work, "known_hosts"), "-o", "LogLevel=ERROR",
		"root@127.0.0.1", remote,
	}}
}

func quietly(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
