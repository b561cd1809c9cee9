package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A site is a project and the home of an operator in a directory of their own.
type site struct {
	t   testing.TB
	dir string
	env []string // further variables
}

// newSite makes a project with the environment files.
func newSite(t testing.TB, files map[string]string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	if err := os.Mkdir(s.path("home"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		s.write("project/environments/"+name, text)
	}
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// A result is what a run of the program left.
type result struct {
	stdout, stderr string
	code           int // -1 = killed
}

// run runs the program, in this process.
func (s *site) run(args ...string) result {
	var out, errs bytes.Buffer
	code := run(context.Background(), args, streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: s.getenv, Dir: s.path("project"),
	})
	return result{out.String(), errs.String(), code}
}

func (s *site) getenv(name string) (string, bool) {
	for _, entry := range slices.Backward(s.environ()) {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value, true
		}
	}
	return "", false
}

// environ is the operator's environment.
func (s *site) environ() []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "NO_COLOR=1", "HOME=" + s.path("home"),
		"XDG_CONFIG_HOME=" + s.path("home/config"), "XDG_STATE_HOME=" + s.path("home/state"),
		"XDG_DATA_HOME=" + s.path("home/data"), "XDG_CACHE_HOME=" + s.path("home/cache"),
	}, s.env...)
}

// start runs an argv, which testscript has put into PATH, in the project.
func (s *site) start(argv ...string) result {
	s.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = s.path("project"), s.environ()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// want runs the program; another exit code ends the test.
func (s *site) want(code int, args ...string) result {
	s.t.Helper()
	r := s.run(args...)
	if r.code != code {
		s.t.Fatalf("%s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// String shows everything that was said.
func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.stdout, r.stderr) }
