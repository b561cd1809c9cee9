package lab

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// apt itself reads the repository, over HTTP, and fetches a package from it.
func TestAptTakesPackagesFromTheHandler(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"lab-one", "lab-two"} {
		makePackage(t, dir, name)
	}
	if err := indexPackages(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(PackageHandler(dir))
	defer server.Close()

	root := t.TempDir()
	for _, d := range []string{"etc", "lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	source := "deb [trusted=yes] " + server.URL + "/ ./\n"
	if err := os.WriteFile(filepath.Join(root, "etc", "sources.list"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	apt := func(args ...string) string {
		t.Helper()
		argv := append([]string{
			"-o", "Dir::Etc=" + root + "/etc", "-o", "Dir::State::Lists=" + root + "/lists",
			"-o", "Dir::State::status=" + root + "/status", "-o", "Dir::Cache=" + root + "/cache",
			"-o", "APT::Sandbox::User=root", "-o", "APT::Architecture=amd64", "-o", "Debug::NoLocking=true",
		}, args...)
		cmd := exec.CommandContext(t.Context(), "apt-get", argv...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "no_proxy=127.0.0.1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("apt-get %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if said := apt("update"); strings.Contains(said, "W:") {
		t.Errorf("apt-get update warns:\n%s", said)
	}
	apt("download", "lab-two")
	got, err := os.ReadFile(filepath.Join(root, "lab-two_1.0_all.deb"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "lab-two_1.0_all.deb"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("the package changed on its way")
	}
	if plan := apt("install", "--simulate", "lab-one"); !strings.Contains(plan, "Inst lab-one (1.0 ") {
		t.Errorf("plan:\n%s", plan)
	}
}

func TestIndexOfNothing(t *testing.T) {
	if err := indexPackages(t.Context(), t.TempDir()); err == nil {
		t.Error("an empty repository was made")
	}
}

func makePackage(t *testing.T, dir, name string) {
	t.Helper()
	tree := t.TempDir()
	control := "Package: " + name + "\nVersion: 1.0\nArchitecture: all\nMaintainer: lab <lab@localhost>\nDescription: nothing\n more of it\n"
	if err := os.MkdirAll(filepath.Join(tree, "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "DEBIAN", "control"), []byte(control), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--root-owner-group", "--build", tree, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("dpkg-deb: %v\n%s", err, out)
	}
}
