package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestEveryInputChangesTheKey(t *testing.T) {
	base := recipe{name: "x", input: []string{"ab", "c", ""}}
	if again := (recipe{name: "x", input: []string{"ab", "c", ""}}); again.key() != base.key() {
		t.Errorf("equal recipes have keys %s and %s", base.key(), again.key())
	}
	for _, r := range []recipe{
		{name: "y", input: []string{"ab", "c", ""}},
		{name: "x", input: []string{"a", "bc", ""}},
		{name: "x", input: []string{"ab", "c"}},
		{name: "x", input: []string{"", "ab", "c"}},
		{name: "x", input: []string{"ab", "C", ""}},
	} {
		if r.key() == base.key() {
			t.Errorf("%s %q has the key of %s %q", r.name, r.input, base.name, base.input)
		}
	}
}

// What decides an artefact is found in its key, for all that the lab makes.
func TestKeysOfTheRealRecipes(t *testing.T) {
	all := func() map[string]bool {
		keys := map[string]bool{trackerRecipe().key(): true, listenerRecipe().key(): true}
		for _, r := range vmRecipes() {
			keys[r.key()] = true
		}
		return keys
	}
	first := all()
	if len(first) != 4 {
		t.Fatalf("four recipes have the keys %v", first)
	}
	for key := range all() {
		if !first[key] {
			t.Errorf("key %s differs from one call to the next", key)
		}
	}

	config := trackerConfig()
	config.Healthcheck.Retries++
	images := []imageBuild{
		{name: "n", script: "s"},
		{name: "n", script: "s", config: config},
		{name: "n", script: "s", config: trackerConfig()},
		{name: "n", script: "S"},
		{name: "n", script: "s", packages: []string{"p"}},
		{name: "n", script: "s", args: []string{"p"}},
	}
	seen := map[string]int{}
	for i, b := range images {
		key := b.recipe("x", "").key()
		if j, ok := seen[key]; ok {
			t.Errorf("images %d and %d have the same key", j, i)
		}
		seen[key] = i
	}
	if vmRecipe("x", []string{"a", "b"}, nil).key() == vmRecipe("x", []string{"a"}, []string{"b"}).key() {
		t.Error("a package that is installed and one that is served make the same key")
	}
}

func TestArtefactIsBuiltOnceByAll(t *testing.T) {
	dir := t.TempDir()
	var builds atomic.Int32
	r := recipe{name: "thing", title: "the thing", takes: "no time", build: func(ctx context.Context, j *job) error {
		builds.Add(1)
		return j.write("sub/file", []byte("content"), 0o644)
	}}
	var wait sync.WaitGroup
	for range 4 {
		// A Lab each, as in processes of their own: only the file lock is shared.
		wait.Go(func() {
			got, err := New(dir, &bytes.Buffer{}).artefact(t.Context(), r)
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := os.ReadFile(filepath.Join(got, "sub", "file")); string(b) != "content" {
				t.Errorf("artefact has %q, %v", b, err)
			}
		})
	}
	wait.Wait()
	if n := builds.Load(); n != 1 {
		t.Errorf("built %d times", n)
	}
}

func TestArtefactOfAFailedBuildIsNotKept(t *testing.T) {
	dir := t.TempDir()
	var progress bytes.Buffer
	l := New(dir, &progress)
	works := false
	r := recipe{name: "thing", title: "the thing", takes: "no time", build: func(ctx context.Context, j *job) error {
		if _, err := os.Stat(j.path("half")); err == nil {
			t.Error("the rest of an earlier build is still there")
		}
		if err := j.write("half", nil, 0o644); err != nil {
			return err
		}
		if works {
			return nil
		}
		return j.run(ctx, "sh", "-c", "echo what went wrong >&2; exit 7")
	}}
	_, err := l.artefact(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "the thing: sh: exit status 7:\nwhat went wrong") {
		t.Fatalf("error %v", err)
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, "*.tmp*")); len(entries) > 0 {
		t.Errorf("left over: %v", entries)
	}

	// A process that was killed leaves its directory behind.
	left := filepath.Join(dir, r.key()+".tmp-1")
	if err := os.MkdirAll(filepath.Join(left, "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	works = true
	if _, err := l.artefact(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the directory of a killed process is still there: %v", err)
	}
	for _, want := range []string{"lab: building the thing, no time (log: " + dir, "lab: the thing is ready after 0s"} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("progress %q lacks %q", &progress, want)
		}
	}
}

func TestLockGivesUpWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lockFile(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a held lock: %v", err)
	}
	unlock()
	again, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestCancelledCommandSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	j := &job{dir: t.TempDir(), log: &bytes.Buffer{}}
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := j.run(ctx, "sleep", "60"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestSudoKeepsTheNetworkSettings(t *testing.T) {
	environ := []string{"HOME=/home/x", "https_proxy=http://u:secret@p", "CARGO_HOME=/c", "CARGO_NET_OFFLINE=false", "SSL_CERT_FILE=/f"}
	got := strings.Join(sudo(environ, []string{"ls", "-l"}), " ")
	if want := "sudo --preserve-env=https_proxy,CARGO_NET_OFFLINE,SSL_CERT_FILE -- ls -l"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := strings.Join(sudo([]string{"HOME=/home/x"}, []string{"ls"}), " "); got != "sudo -- ls" {
		t.Errorf("got %q", got)
	}
}
