// Package lib is the standard library: Starlark modules that environment
// files load as @torrust//NAME.star. They are written with the same built-ins
// that users have, to be read, copied and replaced.
package lib

import (
	"embed"
	"errors"
	"slices"
)

//go:embed *.star
var modules embed.FS

// Read returns the source of a module by its base name, such as
// "tracker.star".
func Read(name string) ([]byte, error) {
	data, err := modules.ReadFile(name)
	if err != nil {
		return nil, errors.New("no such library")
	}
	return data, nil
}

// Names returns the base names of all modules, sorted.
func Names() []string {
	entries, err := modules.ReadDir(".")
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Sort(names)
	return names
}
