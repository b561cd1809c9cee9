package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A build that was killed may have left the machine's own devices mounted.
func TestRemoveLeavesMountsAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts and needs root")
	}
	tree := filepath.Join(t.TempDir(), "tree")
	mounted := filepath.Join(tree, "dev")
	if err := os.MkdirAll(mounted, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", mounted, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer syscall.Unmount(mounted, 0)
	device := filepath.Join(mounted, "null")
	other := filepath.Join(tree, "file")
	for _, path := range []string{device, other} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	j := &job{dir: t.TempDir(), log: &bytes.Buffer{}}
	if err := j.remove(t.Context(), tree); err == nil {
		t.Error("a tree with a mount in it is said to be gone")
	}
	if _, err := os.Stat(device); err != nil {
		t.Errorf("what is mounted was deleted: %v", err)
	}
	if err := syscall.Unmount(mounted, 0); err != nil {
		t.Fatal(err)
	}
	if err := j.remove(t.Context(), tree); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(tree); !os.IsNotExist(err) {
		t.Errorf("the tree is still there: %v", err)
	}
}
