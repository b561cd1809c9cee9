// Package lab is the outside world on one machine: what the demo and the
// real-machine tests need where no image server and no container registry
// answers.
//
// It has four parts.
//
//   - Artefacts. [Lab.VMImage], [Lab.TrackerImage] and [Lab.ListenerImage]
//     build disk and container images from Debian packages and from the source
//     of the tracker. They are kept in the user's cache directory under a
//     digest of their recipe: the second call returns at once, a changed recipe
//     builds anew, and two processes never build the same thing twice.
//   - Servers. [StartRegistry] is a container registry that a machine's dockerd
//     uses as a mirror, so that it pulls images by their usual names;
//     [PackageHandler] serves the Debian packages that a bare machine installs.
//   - Machines. [StartVM] runs a QEMU that the caller described, [QMP] speaks to
//     it, and snapshots of its memory bring it back in seconds. [Network] is a
//     network namespace with a bridge, from which a machine is seen as from
//     outside.
//   - Prerequisites. [Install] brings the Debian packages that all this needs.
//
// Artefacts are built with root rights, through sudo where the user is not root;
// what ends up in the cache belongs to the user.
package lab

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Lab builds artefacts and remembers them in a directory.
type Lab struct {
	dir      string
	progress io.Writer
}

// New returns a Lab that keeps its artefacts in dir, which need not exist yet,
// and says on progress what it builds and how long that takes. Several labs,
// also of several processes, may share a directory.
func New(dir string, progress io.Writer) *Lab {
	return &Lab{dir: dir, progress: progress}
}

// DefaultDir returns the directory of artefacts in the user's cache directory.
func DefaultDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory for the lab: %w", err)
	}
	return filepath.Join(cache, "torrust-tracker-deployer", "lab"), nil
}
