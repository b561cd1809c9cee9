package lab

import (
	"context"
	"embed"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// DevTrackerName is the name under which a machine pulls [Lab.DevTrackerImage].
const DevTrackerName = "torrust/tracker:develop"

//go:embed recipes/dev-tracker-build.sh
var buildDevTracker string

// devTrackerSources decide what the program is: another one is another image.
//
//go:embed tracker3/*.go tracker3/standin/*.go trackerconfig/*
var devTrackerSources embed.FS

// DevTrackerImage returns the image of the stand-in for the tracker's
// development generation, which cannot be had: the program of
// internal/lab/tracker3, compiled by the Go on this machine, in an image with
// the contract of the official one. Building it needs a working directory in
// this module.
func (l *Lab) DevTrackerImage(ctx context.Context) (Image, error) {
	r, err := devTrackerRecipe()
	if err != nil {
		return Image{}, err
	}
	return l.image(ctx, DevTrackerName, r)
}

func devTrackerRecipe() (recipe, error) {
	b := imageBuild{
		name: DevTrackerName, config: devTrackerConfig(), variant: "extract", hook: "extract",
		packages: []string{"busybox-static"}, script: buildDevTracker,
	}
	r := b.recipe("dev-tracker-image", "about 20 seconds")
	err := fs.WalkDir(devTrackerSources, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := devTrackerSources.ReadFile(name)
		r.input = append(r.input, name, string(source))
		return err
	})
	if err != nil {
		return r, err
	}
	r.build = func(ctx context.Context, j *job) error {
		err := j.run(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w",
			"-o", j.path("work/standin"), "github.com/torrust/tracker-deployer/internal/lab/tracker3/standin")
		if err != nil {
			return err
		}
		return b.build(ctx, j)
	}
	return r, nil
}

// devTrackerConfig is that of the released image without the variable that the
// development generation does not need any more.
func devTrackerConfig() v1.Config {
	c := trackerConfig()
	c.Env = slices.DeleteFunc(c.Env, func(s string) bool { return strings.HasPrefix(s, "TORRUST_TRACKER_CONFIG_OVERRIDE_") })
	c.Labels = imageLabels(DevTrackerName)
	c.Labels["org.opencontainers.image.description"] = "a stand-in of the lab for the tracker's development generation; not the tracker"
	return c
}
