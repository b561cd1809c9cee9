package environments

import (
	"embed"
	"io/fs"
)

//go:embed demo.star existing.star hello.star
var examples embed.FS

// Examples returns the environment files that ship with the program, at the
// top of a file system of their own: demo.star and others.
func Examples() fs.FS { return examples }
