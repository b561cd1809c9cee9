package lab

import (
	"cmp"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// TrackerVersion is the version of the tracker in [Lab.TrackerImage].
const TrackerVersion = "3.0.0"

// The names under which a machine pulls the images.
const (
	TrackerName  = "torrust/tracker:" + TrackerVersion
	ListenerName = "torrust/lab-listener:1.0"
)

//go:embed recipes/tracker-build.sh
var buildTracker string

//go:embed recipes/listener-build.sh
var buildListener string

// toolchain is what building the tracker needs.
var toolchain = []string{
	"bzip2", "ca-certificates", "cargo", "gcc", "libc6-dev", "libssl-dev", "make", "pkg-config", "rustc", "sqlite3",
}

// Image is a container image in the lab's cache.
type Image struct {
	// Name is what a machine pulls, without a registry: "torrust/tracker:3.0.0".
	Name string
	// Layout is the directory of an OCI image layout that holds this one image.
	Layout string
}

// Load reads the image from its layout.
func (i Image) Load() (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(i.Layout)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", i.Name, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", i.Name, err)
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("image %s: %s holds %d images, want one", i.Name, i.Layout, len(manifest.Manifests))
	}
	return index.Image(manifest.Manifests[0].Digest)
}

// TrackerImage returns the image of the real tracker, built from its released
// source on Debian libraries. It keeps the contract of the official image:
// entry script, user, environment, ports, volumes, health check and paths.
func (l *Lab) TrackerImage(ctx context.Context) (Image, error) {
	return l.image(ctx, TrackerName, trackerRecipe())
}

// ListenerImage returns a tiny image that serves one page on port 8080, for
// tests that need any service; it has a shell and wget.
func (l *Lab) ListenerImage(ctx context.Context) (Image, error) {
	return l.image(ctx, ListenerName, listenerRecipe())
}

func (l *Lab) image(ctx context.Context, name string, r recipe) (Image, error) {
	dir, err := l.artefact(ctx, r)
	if err != nil {
		return Image{}, err
	}
	return Image{Name: name, Layout: filepath.Join(dir, "layout")}, nil
}

func trackerRecipe() recipe {
	b := imageBuild{
		name: TrackerName, config: trackerConfig(), variant: "minbase", hook: "customize", packages: toolchain,
		script: buildTracker, args: []string{TrackerVersion},
	}
	return b.recipe("tracker-image-"+TrackerVersion, "about 8 minutes: the tracker is compiled")
}

func listenerRecipe() recipe {
	b := imageBuild{
		name: ListenerName, config: listenerConfig(), variant: "extract", hook: "extract",
		packages: []string{"busybox-static"}, script: buildListener,
	}
	return b.recipe("listener-image", "about 10 seconds")
}

// imageBuild makes a container image of one layer: a script run over a Debian
// tree writes it.
type imageBuild struct {
	name     string
	config   v1.Config
	suite    string // of Debian; "" is that of the machines
	variant  string // of mmdebstrap: how much of the packages is installed
	hook     string // of mmdebstrap: its last one for that variant
	packages []string
	script   string
	args     []string
	beside   []beside
}

// A beside is a file that lies in the directory of a build's script.
type beside struct{ name, content string }

func (b imageBuild) recipe(name, takes string) recipe {
	config, err := json.Marshal(b.config)
	if err != nil {
		panic(err) // a struct of strings, numbers and maps of them
	}
	input := []string{
		"format 2", cmp.Or(b.suite, suite), b.variant, b.hook, strings.Join(b.packages, " "), b.script, strings.Join(b.args, " "),
		b.name, string(config),
	}
	for _, f := range b.beside {
		input = append(input, f.name, f.content)
	}
	return recipe{name: name, title: "container image " + b.name, takes: takes, input: input, build: b.build}
}

func (b imageBuild) build(ctx context.Context, j *job) error {
	if err := j.write("work/build", []byte(b.script), 0o755); err != nil {
		return err
	}
	for _, f := range b.beside {
		if err := j.write("work/"+f.name, []byte(f.content), 0o644); err != nil {
			return err
		}
	}
	rootfs := j.path("work/rootfs.tar")
	argv := append(debootstrap(b.variant, b.packages),
		"--"+b.hook+"-hook="+hook(j.path("work/build"), append(b.args, rootfs)...), cmp.Or(b.suite, suite), j.path("root"))
	if err := j.root(ctx, argv...); err != nil {
		return err
	}
	if err := j.remove(ctx, j.path("root")); err != nil {
		return err
	}
	if err := writeLayout(Image{Name: b.name, Layout: j.path("layout")}, rootfs, b.config); err != nil {
		return err
	}
	return os.RemoveAll(j.path("work"))
}

// writeLayout makes the layout of an image of the tar file rootfs.
func writeLayout(image Image, rootfs string, config v1.Config) error {
	img, err := assembleImage(rootfs, config, image.Name)
	if err != nil {
		return err
	}
	path, err := layout.Write(image.Layout, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendImage(img, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
}

// assembleImage makes an image of the tar file rootfs. Equal inputs give
// equal digests.
func assembleImage(rootfs string, config v1.Config, name string) (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return os.Open(rootfs) },
		tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{
		Layer:   layer,
		History: v1.History{CreatedBy: "assembled by the lab", Created: v1.Time{Time: time.Unix(0, 0).UTC()}},
	})
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", "amd64", config
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(img, imageLabels(name)).(v1.Image)
	if !ok {
		return nil, errors.New("an annotated image is not an image")
	}
	return annotated, nil
}

// imageLabels tells whoever meets an image where it comes from.
func imageLabels(name string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       name,
		"org.opencontainers.image.description": "assembled locally from released source and Debian packages; not the official image",
		"org.opencontainers.image.vendor":      "torrust-tracker-deployer lab",
	}
}
