// Package canary looks for secrets where none may be: in output, logs, files
// and arguments, as they are and as programs encode them.
//
// A test gives secrets values that every encoding changes ([Value]), lets the
// program work, and searches everything it left. Search is a reader like any
// other: each test also plants a canary where it looks, to see it found.
package canary

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Canary is a secret with a name for reports.
type Canary struct{ Name, Value string }

// Value returns a value for a canary that is like no other text and has
// characters that URLs, JSON, shells and base64 change. Word is letters and
// digits and tells it from other canaries.
func Value(word string) string { return `p@ss/w0rd"<&é+~ ` + word + `?>%ÿ'\end` }

// A Hit is a place where a canary was found.
type Hit struct {
	Canary string // its name
	Form   string // how it was written, see Forms
	At     int    // offset in bytes
}

// String returns "NAME as FORM at OFFSET".
func (h Hit) String() string { return fmt.Sprintf("%s as %s at %d", h.Canary, h.Form, h.At) }

// Search returns the first place of every form of every canary in data. Which
// characters a percent encoding leaves alone is different everywhere, so data
// is searched once more with all of them decoded.
func Search(data []byte, canaries ...Canary) []Hit {
	var hits []Hit
	decoded := unescape(data)
	for _, c := range canaries {
		if at := bytes.Index(decoded, []byte(c.Value)); at >= 0 && !bytes.Contains(data, []byte(c.Value)) {
			hits = append(hits, Hit{c.Name, "percent, decoded", at})
		}
		for _, f := range Forms(c.Value) {
			if at := bytes.Index(data, []byte(f.Text)); at >= 0 {
				hits = append(hits, Hit{c.Name, f.Name, at})
			}
		}
	}
	return hits
}

// Tree searches every regular file below dir, and the names of all files. It
// returns the hits by path below dir; a directory that is missing has none.
func Tree(dir string, canaries ...Canary) (map[string][]Hit, error) {
	found := map[string][]Hit{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, dir+"/")
		hits := Search([]byte(name), canaries...)
		if e.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			hits = append(hits, Search(data, canaries...)...)
		}
		if len(hits) > 0 {
			found[name] = hits
		}
		return nil
	})
	if _, missing := os.Lstat(dir); os.IsNotExist(missing) {
		return found, nil
	}
	return found, err
}

// Paths returns the paths of a result of [Tree] in order.
func Paths(found map[string][]Hit) []string {
	var paths []string
	for path := range found {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}
