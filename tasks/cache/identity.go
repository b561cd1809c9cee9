package cache

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// An Identity is what a file system tells of a path without reading it. The
// zero Identity is a path where nothing is.
type Identity struct {
	Mode   uint32 // type and permissions, as in stat(2)
	Size   int64
	Mtime  int64 // nanoseconds since 1970
	Ctime  int64 // nanoseconds since 1970
	Inode  uint64
	Device uint64
}

// Exists reports whether there is anything at the path.
func (i Identity) Exists() bool { return i.Mode != 0 }

// Settled reports whether nothing can have been written, since a reading at
// that time, without changing the identity.
func (i Identity) Settled(at time.Time) bool {
	limit := at.Add(-Settling).UnixNano()
	return i.Ctime < limit && i.Mtime < limit
}

func (i Identity) is(kind uint32) bool { return i.Mode&unix.S_IFMT == kind }

// kind returns the type in a word.
func (i Identity) kind() string {
	switch i.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case 0:
		return "nothing"
	}
	return "device"
}

// identify asks for the identity of path below the directory fd; follow asks
// for what a link leads to. A path that cannot exist is one where nothing is.
func identify(fd int, path string, follow bool) (Identity, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	var st unix.Stat_t
	err := unix.Fstatat(fd, path, &st, flags)
	for errors.Is(err, unix.EINTR) {
		err = unix.Fstatat(fd, path, &st, flags)
	}
	switch {
	case err == nil:
		return identityOf(&st), nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return Identity{}, nil
	}
	return Identity{}, err
}

func identityOf(st *unix.Stat_t) Identity {
	return Identity{
		Mode: st.Mode, Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(), Inode: st.Ino, Device: uint64(st.Dev),
	}
}
