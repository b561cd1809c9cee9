package cache

import "os"

// Ask returns the identity of a path as it is at this moment, whether a look
// goes on or not; follow asks for what a link leads to. The zero Identity is a
// path where nothing is.
func (t *Tree) Ask(path string, follow bool) (Identity, error) {
	id, err := identify(int(t.root.Fd()), path, follow)
	if err != nil {
		return id, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return id, nil
}

// Close gives back what the tree holds of its root; it is not used afterwards.
func (t *Tree) Close() error { return t.root.Close() }
