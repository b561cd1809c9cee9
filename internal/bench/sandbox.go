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
// whose directories that are written to are covered by throw-away copies.
type sandbox struct {
	work string // for everything of this run
	key  string // the client's private key file
}

// Where the sandbox's sshd listens.
const (
	port    = "2222"
	address = "127.0.0.1:" + port
)

// scratch is where a file system in memory is mounted for everything that this
// run writes.
const scratch = "/mnt"

// covered are directories that are read as they are; what is written to them is
// in scratch.
var covered = [...]string{"/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/var"}

// openSandbox covers the directories and makes the keys. Everything ends with
// this process, which is the first of its namespaces.
func openSandbox(ctx context.Context) (*sandbox, error) {
	s := &sandbox{work: scratch, key: filepath.Join(scratch, "home", ".ssh", "id_ed25519")}
	steps := [][]string{
		{"mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", scratch},
		{"mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"},
		{"mkdir", "-p", "/run/sshd"},
		{"ip", "link", "set", "lo", "up"},
	}
	for _, dir := range covered {
		over := scratch + "/over" + dir
		steps = append(steps, []string{"mkdir", "-p", over + "/upper", over + "/work"}, []string{
			"mount", "-t", "overlay", "overlay", "-o",
			fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%[2]s/work", dir, over), dir,
		})
	}
	// The client's key lies where the program looks for it.
	steps = append(steps,
		[]string{"mkdir", "-p", "-m", "700", filepath.Dir(s.key)},
		[]string{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.key},
		[]string{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.work, "host")},
		[]string{"cp", s.key + ".pub", filepath.Join(s.work, "authorized_keys")},
	)
	for _, argv := range steps {
		if err := quietly(ctx, argv[0], argv[1:]...); err != nil {
			return nil, err
		}
	}
	return s, s.environ()
}

// environ gives whatever is measured a home of its own, and no agent.
func (s *sandbox) environ() error {
	home := filepath.Join(s.work, "home")
	for name, value := range map[string]string{
		"HOME":            home,
		"XDG_STATE_HOME":  s.state(),
		"XDG_CONFIG_HOME": filepath.Join(home, "config"),
		"XDG_DATA_HOME":   filepath.Join(home, "data"),
		"XDG_CACHE_HOME":  filepath.Join(home, "cache"),
		"SSH_AUTH_SOCK":   "",
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// state is the program's XDG_STATE_HOME.
func (s *sandbox) state() string { return filepath.Join(s.work, "home", "state") }

func (s *sandbox) knownHosts() string { return filepath.Join(s.work, "known_hosts") }

// serve runs sshd until the returned function is called. With record, the
// command and the input of a session are kept in the files command and stdin,
// and the file sessions gets a byte for each.
func (s *sandbox) serve(ctx context.Context, record bool) (end func(), err error) {
	lines := []string{
		"ListenAddress " + address, "HostKey " + filepath.Join(s.work, "host"), "PermitRootLogin prohibit-password",
		"StrictModes no", "AuthorizedKeysFile " + filepath.Join(s.work, "authorized_keys"), "UsePAM no", "PidFile none",
		"MaxStartups 100", "Subsystem sftp internal-sftp",
		// Every client does the same arithmetic: by default OpenSSH's own
		// agree on a key exchange that takes many times as long.
		"KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org",
	}
	if record {
		lines = append(lines, fmt.Sprintf(`ForceCommand printf . >>%[1]s/sessions; `+
			`printf "%%s" "$SSH_ORIGINAL_COMMAND" >%[1]s/command; tee %[1]s/stdin | sh -c "$SSH_ORIGINAL_COMMAND"`, s.work))
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

// ssh returns a command that runs remote over one new connection: what a
// person would type, with the host key known.
func (s *sandbox) ssh(remote string, stdin []byte) command {
	return command{stdin: stdin, argv: []string{
		"ssh", "-F", "none", "-i", s.key, "-p", port, "-o", "StrictHostKeyChecking=accept-new",
		"-o", "UserKnownHostsFile=" + s.knownHosts(), "-o", "LogLevel=ERROR",
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
