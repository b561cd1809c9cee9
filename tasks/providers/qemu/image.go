package qemu

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// image returns the file that the system disk lies over: a local one where it
// is, one from a URL in the cache. Where a checksum was declared it holds.
func (v *vm) image(ctx context.Context, progress func(string)) (*imageState, error) {
	declared := v.spec.Image
	path := declared
	switch {
	case isURL(declared):
		cached, err := v.cached(ctx, declared, v.spec.Checksum, progress)
		if err != nil {
			return nil, err
		}
		path = cached
	case !filepath.IsAbs(path):
		path = filepath.Join(v.config.Root, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", declared, err)
	}
	if v.spec.Checksum != "" && !isURL(declared) {
		progress("verifying image " + filepath.Base(path))
		if err := verify(ctx, path, v.spec.Checksum); err != nil {
			return nil, fmt.Errorf("image %q: %w", declared, err)
		}
	}
	format, _, err := inspect(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", declared, err)
	}
	return &imageState{
		Reference: declared, Checksum: v.spec.Checksum, Path: path,
		Format: format, Size: info.Size(), Modified: info.ModTime().UnixNano(),
	}, nil
}

func isURL(image string) bool {
	return strings.HasPrefix(image, "http://") || strings.HasPrefix(image, "https://")
}

// intact reports as an error that the file below a system disk is gone or
// another one.
func (s *imageState) intact() error {
	info, err := os.Stat(s.Path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &hinted{
			fmt.Errorf("the image that its system disk lies over is gone: %s", s.Path),
			"put the same file there again, or destroy the machine (--keep-data keeps its data disk) and deploy",
		}
	case err != nil:
		return err
	case info.Size() != s.Size || info.ModTime().UnixNano() != s.Modified:
		return &hinted{
			fmt.Errorf("the image that its system disk lies over was changed: %s", s.Path),
			"put the original file there again, or destroy the machine (--keep-data keeps its data disk) and deploy",
		}
	}
	return nil
}

// A ChecksumError is an image that is not the declared one.
type ChecksumError struct{ Want, Got string }

// Error has both checksums.
func (e *ChecksumError) Error() string {
	return fmt.Sprintf("checksum is %s, declared is %s", e.Got, e.Want)
}

// Hint says what may have happened.
func (e *ChecksumError) Hint() string {
	return "the image was replaced by a newer one or damaged on the way: compare with the checksums that its makers publish"
}

// newHash returns the hash that a checksum is of, by its length.
func newHash(checksum string) (hash.Hash, error) {
	switch len(checksum) {
	case 2 * sha256.Size:
		return sha256.New(), nil
	case 2 * sha512.Size:
		return sha512.New(), nil
	}
	return nil, fmt.Errorf("checksum of %d digits is neither sha256 nor sha512", len(checksum))
}

func verify(ctx context.Context, path, checksum string) error {
	sum, err := newHash(checksum)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(sum, &interruptible{ctx, f}); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, checksum) {
		return &ChecksumError{Want: strings.ToLower(checksum), Got: got}
	}
	return nil
}

// interruptible is a reader that ends with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// inspect returns the format of a disk image and its size for a machine.
func inspect(ctx context.Context, path string) (format string, size int64, err error) {
	// -U: the image of a machine that runs is looked at without its lock.
	out, err := run(ctx, "qemu-img", "info", "-U", "--output=json", "--", path)
	if err != nil {
		return "", 0, err
	}
	var info struct {
		Format string `json:"format"`
		Size   int64  `json:"virtual-size"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return "", 0, fmt.Errorf("qemu-img info: %w", err)
	}
	return info.Format, info.Size, nil
}
