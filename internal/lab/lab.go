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
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Lab builds artefacts and remembers them in a directory.
type Lab struct {
	dir      string
	mu       sync.Mutex // guards progress
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

// All makes every artefact. Compiling the tracker and making the disks go on
// at the same time: each leaves a processor idle for long.
func (l *Lab) All(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := l.TrackerImage(ctx)
		return err
	})
	group.Go(func() error {
		if _, err := l.ListenerImage(ctx); err != nil {
			return err
		}
		for _, name := range []string{Debian13, Debian13Bare} {
			if _, err := l.VMImage(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// say writes a line of progress.
func (l *Lab) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.progress, "lab: "+format+"\n", args...)
}
