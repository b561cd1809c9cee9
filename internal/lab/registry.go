package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is a container registry over plain HTTP that serves images out of
// the lab's cache. An address of it is an entry of dockerd's registry-mirrors;
// dockerd asks a mirror for the images of Docker Hub, and for those only.
type Registry struct {
	server *http.Server
	push   string // where images are pushed to, also if the public listener cannot be reached from here
	blobs  *layoutBlobs
}

// StartRegistry serves images on l, which may be in another network namespace,
// until Close. It owns l from now on, also when it fails.
func StartRegistry(ctx context.Context, l net.Listener, images ...Image) (*Registry, error) {
	local, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.Close()
		return nil, err
	}
	blobs := &layoutBlobs{}
	quiet := log.New(io.Discard, "", 0)
	r := &Registry{
		server: &http.Server{
			Handler:           registry.New(registry.Logger(quiet), registry.WithBlobHandler(blobs)),
			ReadHeaderTimeout: 10 * time.Second,
		},
		push:  local.Addr().String(),
		blobs: blobs,
	}
	go r.server.Serve(local)
	go r.server.Serve(l)
	for _, image := range images {
		if err := r.Push(ctx, image); err != nil {
			r.Close()
			l.Close() // Serve may not have had it yet
			return nil, err
		}
	}
	return r, nil
}

// Push adds an image or moves its tag. The layout has to stay where it is: its
// layers are served from there.
func (r *Registry) Push(ctx context.Context, image Image) error {
	img, err := image.Load()
	if err != nil {
		return err
	}
	ref, err := name.ParseReference(r.push+"/"+image.Name, name.Insecure)
	if err != nil {
		return fmt.Errorf("image %s: %w", image.Name, err)
	}
	r.blobs.add(image.Layout)
	if err := remote.Write(ref, img, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("image %s: %w", image.Name, err)
	}
	return nil
}

// Close stops serving. Downloads under way break off.
func (r *Registry) Close() error {
	return r.server.Close()
}

// layoutBlobs finds blobs in OCI layouts. It takes none: whoever pushes finds
// that the registry has them all already.
type layoutBlobs struct {
	mu      sync.Mutex
	layouts []string
}

func (b *layoutBlobs) add(layout string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.layouts = append(b.layouts, layout)
}

// Stat returns the size of a blob.
func (b *layoutBlobs) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	f, err := b.open(h)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Get returns the content of a blob.
func (b *layoutBlobs) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	return b.open(h)
}

func (b *layoutBlobs) open(h v1.Hash) (*os.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, layout := range b.layouts {
		f, err := os.Open(filepath.Join(layout, "blobs", h.Algorithm, h.Hex))
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, registry.ErrNotFound
}
