package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// job is one build under way: a directory to fill and a log.
type job struct {
	dir string
	log io.Writer
}

// path names a file of the job.
func (j *job) path(elem ...string) string {
	return filepath.Join(append([]string{j.dir}, elem...)...)
}

// write puts a file into the job's directory.
func (j *job) write(name string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(j.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(j.path(name), content, mode)
}

// run executes argv with its output in the log.
func (j *job) run(ctx context.Context, argv ...string) error {
	return j.pipe(ctx, j.log, argv...)
}

// root is run with root rights.
func (j *job) root(ctx context.Context, argv ...string) error {
	return j.run(ctx, asRoot(argv)...)
}

// pipe executes argv and hands its standard output to stdout. The error names
// the command and has the end of what it said.
func (j *job) pipe(ctx context.Context, stdout io.Writer, argv ...string) error {
	fmt.Fprintf(j.log, "+ %s\n", strings.Join(argv, " "))
	said := &tail{max: 2000}
	cmd := command(ctx, argv)
	both := io.MultiWriter(j.log, said)
	cmd.Stderr = both
	if cmd.Stdout = stdout; stdout == j.log {
		cmd.Stdout = both // one writer: the program's lines keep their order
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return commandError(argv[0], err, said.String())
	}
	return nil
}

// remove deletes a tree that root may have filled. Whatever is mounted in it
// is left alone.
func (j *job) remove(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); os.IsNotExist(err) {
		return nil
	}
	argv := []string{"rm", "-rf", "--one-file-system", path}
	if err := j.run(ctx, argv...); err == nil {
		return nil
	}
	return j.root(ctx, argv...)
}

// command is exec.CommandContext that lets the program clean up behind itself
// when ctx ends.
func command(ctx context.Context, argv []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// asRoot returns argv as it is for root, through sudo for anybody else.
func asRoot(argv []string) []string {
	if os.Geteuid() == 0 {
		return argv
	}
	return sudo(os.Environ(), argv)
}

// networkSettings are the variables, or with a final * the beginnings of
// variables, that say how packages and crates are reached.
var networkSettings = []string{
	"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE",
	"CARGO_HTTP_*", "CARGO_NET_*", "CARGO_REGISTR*", "CARGO_SOURCE_*",
}

// sudo returns argv behind a sudo that keeps what environ says about the
// network. Values stay out of the arguments: they may hold passwords.
func sudo(environ, argv []string) []string {
	var keep []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if slices.ContainsFunc(networkSettings, func(setting string) bool {
			prefix, more := strings.CutSuffix(setting, "*")
			return name == prefix || more && strings.HasPrefix(name, prefix)
		}) {
			keep = append(keep, name)
		}
	}
	out := []string{"sudo"}
	if len(keep) > 0 {
		out = append(out, "--preserve-env="+strings.Join(keep, ","))
	}
	return slices.Concat(out, []string{"--"}, argv)
}

// commandError is the error of a command with the end of what it said.
func commandError(command string, cause error, said string) error {
	if said = strings.TrimSpace(said); said != "" {
		return fmt.Errorf("%s: %w:\n%s", command, cause, said)
	}
	return fmt.Errorf("%s: %w", command, cause)
}

// tail keeps the last max bytes of what is written to it.
type tail struct {
	max  int
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.max; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }
