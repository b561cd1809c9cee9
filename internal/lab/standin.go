package lab

import (
	"context"
	"embed"
	"io/fs"
	"strings"
)

// A standin is a program of this module in an image with the contract of an
// official one that cannot be had. It is compiled by the Go on this machine,
// which needs a working directory in this module.
type standin struct {
	image    imageBuild
	artefact string
	sources  embed.FS // they decide what the program is: another one is another image
	program  string   // file that the image's script finds beside itself
	pkg      string   // below internal/lab
}

func (s standin) recipe() (recipe, error) {
	r := s.image.recipe(s.artefact, "about 20 seconds")
	err := fs.WalkDir(s.sources, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := s.sources.ReadFile(name)
		r.input = append(r.input, name, string(source))
		return err
	})
	if err != nil {
		return r, err
	}
	image := r.build
	r.build = func(ctx context.Context, j *job) error {
		err := j.run(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w",
			"-o", j.path("work/"+s.program), "github.com/torrust/tracker-deployer/internal/lab/"+s.pkg)
		if err != nil {
			return err
		}
		return image(ctx, j)
	}
	return r, nil
}
