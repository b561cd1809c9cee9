package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/internal/adversary"
	"github.com/torrust/tracker-deployer/tasks"
)

// What is remembered is answered without the lock of the environment; whoever
// has to look needs it. That tells the one from the other.
func TestNothingToDoIsRemembered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string // of the environment file
		args  []string
		known bool
	}{
		"a task":            {`task(name = "t", run = ["touch", "out"], inputs = ["in"], outputs = ["out"])`, nil, true},
		"told in detail":    {`task(name = "t", run = ["touch", "out"], inputs = ["in"], outputs = ["out"])`, []string{"-v"}, false},
		"forced":            {`task(name = "t", run = ["touch", "out"], inputs = ["in"], outputs = ["out"])`, []string{"--force"}, false},
		"runs always":       {`task(name = "t", run = ["touch", "out"], cache = False)`, nil, false},
		"with a secret":     {`task(name = "t", run = ["touch", "out"], outputs = ["out"], env = {"S": secret("S")})`, nil, false},
		"says something":    {`print("hello")` + "\n" + `task(name = "t", run = ["touch", "out"], outputs = ["out"])`, nil, false},
		"warns":             {`warn("careful")` + "\n" + `task(name = "t", run = ["touch", "out"], outputs = ["out"])`, nil, false},
		"a group of a task": {`group(name = "t", of = [task(name = "u", run = ["touch", "out"], outputs = ["out"])])`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, home := t.TempDir(), t.TempDir()
			if err := os.MkdirAll(filepath.Join(root, "environments"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{"environments/e.star": c.text + "\n", "in": ""} {
				if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			deployer := func() (int, string) {
				var said bytes.Buffer
				code := run(context.Background(), append([]string{"t", "e"}, c.args...), streams{
					In: strings.NewReader(""), Out: &said, Err: &said, Dir: root,
					Getenv: func(name string) (string, bool) {
						v, ok := map[string]string{"HOME": home, "PATH": os.Getenv("PATH"), "S": "a secret value"}[name]
						return v, ok
					},
				})
				return code, said.String()
			}
			for i := range 3 {
				if code, said := deployer(); code != 0 {
					t.Fatalf("exit code %d\n%s", code, said)
				}
				if i == 0 {
					time.Sleep(adversary.Settling) // nothing but time makes files older
				}
			}
			journals, err := filepath.Glob(filepath.Join(home, ".local/state", programName, "*", "journal"))
			if err != nil || len(journals) != 1 {
				t.Fatalf("the journals are %q", journals)
			}
			lock, _, err := tasks.OpenJournal(journals[0])
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			code, said := deployer()
			if known := code == 0; known != c.known {
				t.Errorf("remembered: %v, want %v\n%s", known, c.known, said)
			}
			if code != 0 && !strings.Contains(said, "another run") {
				t.Errorf("exit code %d\n%s", code, said)
			}
		})
	}
}
