package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// PackageHandler serves a directory that [Lab.Packages] returned. A machine
// uses it by the line
//
//	deb [trusted=yes] http://ADDRESS/ ./
//
// in its list of package sources.
func PackageHandler(dir string) http.Handler {
	return http.FileServerFS(os.DirFS(dir))
}

// indexPackages makes a directory of .deb files a flat repository: it adds
// the files Packages and Release.
func indexPackages(ctx context.Context, dir string) error {
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return err
	}
	if len(debs) == 0 {
		return fmt.Errorf("no packages in %s", dir)
	}
	var index bytes.Buffer
	for _, deb := range debs {
		entry, err := packageEntry(ctx, deb)
		if err != nil {
			return err
		}
		index.Write(entry)
		index.WriteString("\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "Packages"), index.Bytes(), 0o644); err != nil {
		return err
	}
	// The date is long ago: a machine whose clock is behind refuses a later one.
	release := fmt.Sprintf("Origin: lab\nSuite: %s\nDate: Wed, 01 Jan 2025 00:00:00 UTC\n"+
		"Architectures: all amd64\nSHA256:\n %x %d Packages\n",
		suite, sha256.Sum256(index.Bytes()), index.Len())
	return os.WriteFile(filepath.Join(dir, "Release"), []byte(release), 0o644)
}

// packageEntry is a package's own description and where to get it.
func packageEntry(ctx context.Context, deb string) ([]byte, error) {
	control, err := exec.CommandContext(ctx, "dpkg-deb", "--field", deb).Output()
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", filepath.Base(deb), err)
	}
	content, err := os.ReadFile(deb)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s\nFilename: ./%s\nSize: %d\nSHA256: %x\n",
		strings.TrimRight(string(control), "\n"), filepath.Base(deb), len(content), sha256.Sum256(content)), nil
}
