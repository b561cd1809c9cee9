package lab

import (
	"archive/tar"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func TestRegistryServesWhatTheCacheHas(t *testing.T) {
	image := makeImage(t, "torrust/thing:1.2", "content")
	want, err := image.Load()
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	r, err := StartRegistry(t.Context(), l, image)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	got, err := pull(t, l, "torrust/thing:1.2")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Errorf("pulled image: %v", err)
	}
	if digest(t, got) != digest(t, want) {
		t.Errorf("digest %s, want %s", digest(t, got), digest(t, want))
	}
	if _, err := pull(t, l, "torrust/thing:9"); !isStatus(err, http.StatusNotFound) {
		t.Errorf("unknown tag: %v", err)
	}

	// A tag that moves takes the next pull with it; the old digest stays.
	next := makeImage(t, "torrust/thing:1.2", "other content")
	if err := r.Push(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	moved, err := pull(t, l, "torrust/thing:1.2")
	if err != nil {
		t.Fatal(err)
	}
	if digest(t, moved) == digest(t, want) {
		t.Error("the tag did not move")
	}
	if err := validate.Image(moved); err != nil {
		t.Errorf("moved image: %v", err)
	}
	if _, err := pull(t, l, "torrust/thing@"+digest(t, want)); err != nil {
		t.Errorf("old digest: %v", err)
	}
}

func TestRegistryOfAnImageThatIsNotThere(t *testing.T) {
	l := listen(t)
	if _, err := StartRegistry(t.Context(), l, Image{Name: "a/b:1", Layout: t.TempDir()}); err == nil {
		t.Fatal("it started")
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("its listener is still open")
	}
}

// Two builds of the same files are the same image.
func TestAssembledImageIsReproducible(t *testing.T) {
	load := func() v1.Image {
		img, err := makeImage(t, "torrust/thing:1", "content").Load()
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	img := load()
	if a, b := digest(t, img), digest(t, load()); a != b {
		t.Errorf("digests %s and %s", a, b)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if file.OS != "linux" || file.Architecture != "amd64" || !reflect.DeepEqual(file.Config, trackerConfig()) {
		t.Errorf("configuration %+v", file)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(manifest.Annotations, imageLabels("torrust/thing:1")) {
		t.Errorf("annotations %v", manifest.Annotations)
	}
}

// makeImage assembles an image of one file as the tracker's is.
func makeImage(t *testing.T, name, content string) Image {
	t.Helper()
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs.tar")
	f, err := os.Create(rootfs)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	if err := w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	image := Image{Name: name, Layout: filepath.Join(dir, "layout")}
	if err := writeLayout(image, rootfs, trackerConfig()); err != nil {
		t.Fatal(err)
	}
	return image
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func pull(t *testing.T, l net.Listener, image string) (v1.Image, error) {
	t.Helper()
	ref, err := name.ParseReference(l.Addr().String()+"/"+image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return remote.Image(ref, remote.WithContext(t.Context()))
}

func digest(t *testing.T, img v1.Image) string {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

func isStatus(err error, status int) bool {
	te, ok := errors.AsType[*transport.Error](err)
	return ok && te.StatusCode == status
}
