package lab

import (
	"context"
	"embed"
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
// the contract of the official one.
func (l *Lab) DevTrackerImage(ctx context.Context) (Image, error) {
	r, err := devTrackerRecipe()
	if err != nil {
		return Image{}, err
	}
	return l.image(ctx, DevTrackerName, r)
}

func devTrackerRecipe() (recipe, error) {
	return standin{
		image: imageBuild{
			name: DevTrackerName, config: devTrackerConfig(), variant: "extract", hook: "extract",
			packages: []string{"busybox-static"}, script: buildDevTracker,
		},
		artefact: "dev-tracker-image", sources: devTrackerSources, program: "standin", pkg: "tracker3/standin",
	}.recipe()
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
