package durable_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

func TestLockExcludesAndListensToItsContext(t *testing.T) {
	dir := t.TempDir()
	unlock, err := durable.Lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := durable.Lock(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second holder got %v", err)
	}
	unlock()
	again, err := durable.Lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
	if _, err := durable.Lock(t.Context(), filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}

func TestWriteFileReplacesAsAWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"a longer first content", "short"} {
		if err := durable.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(got) != content || info.Mode().Perm() != 0o640 {
			t.Errorf("%q %v %v", got, info.Mode(), err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files in the directory", len(entries))
	}
	if err := errors.Join(durable.Remove(path), durable.Remove(path)); err != nil {
		t.Error(err)
	}
}

func TestWriteFileLeavesNothingWhereItCannotWrite(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "f"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d entries, want the directory only", len(entries))
	}
}
