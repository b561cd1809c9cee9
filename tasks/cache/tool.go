package cache

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A place is where a tool was found, and where it was not before that.
type place struct {
	path   string // "" = nowhere
	passed []string
}

// Tool returns the path of a program: a name without a slash is looked for in
// the search path, any other stays as it is. Its error is a *MissingToolError.
func (t *Tree) Tool(name string) (string, error) {
	p := t.place(name)
	if p.path == "" {
		return "", &MissingToolError{Name: name}
	}
	return p.path, nil
}

// place remembers where tools are for as long as a look goes on.
func (t *Tree) place(name string) place {
	t.lock.Lock()
	p, ok := t.places[name]
	t.lock.Unlock()
	if ok {
		return p
	}
	p = t.find(name)
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.look != nil {
		t.places[name] = p
	}
	return p
}

func (t *Tree) find(name string) (p place) {
	if strings.Contains(name, "/") {
		if t.executable(name) {
			p.path = name
		}
		return p
	}
	for _, dir := range t.search {
		candidate := dir + "/" + name
		if t.executable(candidate) {
			p.path = candidate
			return p
		}
		p.passed = append(p.passed, candidate)
	}
	return p
}

func (t *Tree) executable(path string) bool {
	id, err := t.identity(path, true)
	return err == nil && id.is(unix.S_IFREG) && id.Mode&0o111 != 0
}

// Passed returns the paths at which tools were looked for in vain before they
// were found: were one there, another program would be started.
func (t *Tree) Passed(tools []string) []File {
	var files []File
	for _, name := range tools {
		for _, path := range t.place(name).passed {
			if id, err := t.identity(path, true); err == nil {
				files = append(files, File{Path: path, Follow: true, Identity: id})
			}
		}
	}
	return files
}

// A MissingToolError is a program that is not there.
type MissingToolError struct{ Name string }

// Error names the program.
func (e *MissingToolError) Error() string {
	if strings.Contains(e.Name, "/") {
		return fmt.Sprintf("program %q is not there, or may not be executed", e.Name)
	}
	return fmt.Sprintf("program %q is not in PATH", e.Name)
}

// Hint says what to do.
func (e *MissingToolError) Hint() string { return "install it, or take it out of the task" }
