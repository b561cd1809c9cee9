package lab

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMissingPackages(t *testing.T) {
	needs := []Need{ForImages, ForMachines}
	if got := missing(needs, func(string) bool { return true }); got != nil {
		t.Errorf("nothing is missing, got %v", got)
	}
	has := func(file string) bool { return file != "qemu-img" && file != "mmdebstrap" }
	if got, want := missing(needs, has), []string{"mmdebstrap", "qemu-utils"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSystemsOnWhichPackagesAreInstalled(t *testing.T) {
	tests := map[string]string{ // os-release: error, "" for none
		"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n": "",
		"ID=debian\nVERSION_ID=\"13\"\n":                                                 "",
		"PRETTY_NAME=\"Debian GNU/Linux 11\"\nID=debian\nVERSION_ID=\"11\"\n":            "this is Debian GNU/Linux 11",
		"PRETTY_NAME=\"Fedora Linux 43\"\nID=fedora\nVERSION_ID=12\n":                    "this is Fedora Linux 43",
		"": "this is an unknown system",
	}
	for content, want := range tests {
		path := filepath.Join(t.TempDir(), "os-release")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		err := canInstall(path)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", content, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error %v, want %q", content, err, want)
		}
	}
	if err := canInstall(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no os-release: %v", err)
	}
}

func TestPrerequisiteErrorSaysWhatToDo(t *testing.T) {
	cause := errors.New("this is Plan 9")
	err := &PrerequisiteError{Packages: []string{"mmdebstrap", "strace"}, Cause: cause}
	if got, want := err.Error(), "missing on this machine: mmdebstrap, strace: this is Plan 9"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if !strings.Contains(err.Hint(), "apt-get install mmdebstrap strace") || !errors.Is(err, cause) {
		t.Errorf("hint %q, error %v", err.Hint(), err)
	}
}

// These tests run where the programs for tests are: nothing is to be done, and
// nothing is said.
func TestInstallOfNothing(t *testing.T) {
	var progress bytes.Buffer
	if err := Install(t.Context(), &progress, ForTests); err != nil || progress.Len() > 0 {
		t.Errorf("error %v, said %q", err, &progress)
	}
}
