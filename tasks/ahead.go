package tasks

import (
	"os"

	"golang.org/x/sys/unix"
)

// An Ahead is a journal that is read by somebody who is going to open it, while
// something else is still to be found out. What was read counts only if nobody
// has written to the journal meanwhile: the lock was not held.
type Ahead struct {
	path string
	done chan struct{} // closed when the rest is set

	was     unix.Stat_t // of the file, before it was read
	records Records
	found   scanned
	size    int
	err     error
}

// ReadAhead begins to read the journal at path and returns at once.
func ReadAhead(path string) *Ahead {
	a := &Ahead{path: path, done: make(chan struct{}), records: newRecords()}
	go func() {
		defer close(a.done)
		if a.err = unix.Stat(path, &a.was); a.err != nil {
			return
		}
		var data []byte
		if data, a.err = os.ReadFile(path); a.err != nil {
			return
		}
		a.size = len(data)
		a.found, a.err = a.records.scan(data)
		a.records.decode()
	}()
	return a
}

// OpenJournal is the function of that name, with what was read ahead where that
// still counts; nil has read nothing. It reports whether it did: then no run has
// done anything since ReadAhead.
func (a *Ahead) OpenJournal(path string) (j *Journal, r Records, counts bool, err error) {
	f, err := createLocked(path)
	if err != nil {
		return nil, newRecords(), false, err
	}
	if counts = a.covers(path, f); !counts {
		j, r, err = readJournal(path, f)
		return j, r, false, err
	}
	j, err = a.found.open(path, f, a.size, &a.records)
	return j, a.records, true, err
}

// covers reports whether f, which is locked and named by path, is as it was
// when it was read.
func (a *Ahead) covers(path string, f *os.File) bool {
	if a == nil || a.path != path {
		return false
	}
	<-a.done
	var is unix.Stat_t
	if a.err != nil || unix.Fstat(int(f.Fd()), &is) != nil {
		return false
	}
	was := &a.was
	return was.Dev == is.Dev && was.Ino == is.Ino && was.Size == is.Size && is.Size == int64(a.size) &&
		was.Mtim == is.Mtim && was.Ctim == is.Ctim
}
