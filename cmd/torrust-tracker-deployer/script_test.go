package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	// Tests end programs, not the machine: nothing of theirs has to last, and
	// much of their time is waiting for disks.
	if _, set := os.LookupEnv("TMPDIR"); !set && unix.Access("/dev/shm", unix.W_OK) == nil {
		os.Setenv("TMPDIR", "/dev/shm")
	}
	testscript.Main(m, map[string]func(){
		programName: func() { os.Exit(run(context.Background(), os.Args[1:], processStreams())) },
		killAt:      func() { os.Exit(runKillAt(os.Args[1:])) },
		stopAt:      func() { os.Exit(runStopAt(os.Args[1:])) },
		execTrace:   func() { os.Exit(runExecTrace(os.Args[1:])) },
	})
}

// TestScripts runs testdata/script/*.txtar: one behaviour each, through the
// real program, on simulated machines. `go test -update` writes what commands
// print today into the scripts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for name, dir := range map[string]string{
				"HOME": "home", "XDG_CONFIG_HOME": "home/config", "XDG_STATE_HOME": "home/state",
				"XDG_DATA_HOME": "home/data", "XDG_CACHE_HOME": "home/cache",
			} {
				path := filepath.Join(e.WorkDir, dir)
				e.Setenv(name, path)
			}
			e.Setenv("NO_COLOR", "")
			e.Setenv("TERM", "xterm")
			return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: scriptCommands(),
	})
}

var update = flag.Bool("update", false, "write the actual output into the scripts")
