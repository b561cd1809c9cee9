package main

import (
	"io"
	"sync"
)

// results is standard output. It remembers that something could not be
// written: a result that nobody got is no success.
type results struct {
	w io.Writer

	mu  sync.Mutex
	err error
}

// Write writes, and fails again once it has failed.
func (r *results) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.w.Write(p)
	r.err = err
	return n, err
}

// failed returns the first error of writing.
func (r *results) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
