package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

const (
	reportEvery = 3 * time.Second
	stallsAfter = time.Minute // without a byte
	attempts    = 5           // in a row without a byte
)

// cached returns the image of a URL in the cache, where it lies under its
// checksum, and downloads it first when it is not there. Another run that
// downloads the same one is waited for.
func (v *vm) cached(ctx context.Context, url, checksum string, progress func(string)) (string, error) {
	if _, err := newHash(checksum); err != nil {
		return "", fmt.Errorf("image %q: %w", url, err)
	}
	dir := filepath.Join(v.config.CacheHome, "images", strings.ToLower(checksum))
	file := filepath.Join(dir, "image")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	unlock, err := durable.MakeAndLock(ctx, dir, 0o755)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	d := &download{url: url, part: filepath.Join(dir, "part"), progress: progress}
	if err := d.fetch(ctx, checksum); err != nil {
		return "", fmt.Errorf("image %q: %w", url, err)
	}
	// Nobody writes to it: the disks of machines lie over it.
	if err := os.Chmod(d.part, 0o444); err != nil {
		return "", err
	}
	if err := os.Rename(d.part, file); err != nil {
		return "", err
	}
	return file, durable.SyncDir(dir)
}

// download is a file on its way.
type download struct {
	url      string
	part     string // what is there already
	progress func(string)
	reported time.Time
}

// fetch makes the part whole and verified. What an earlier run left of it is
// gone on with; should that turn out to be of another file, it starts anew.
func (d *download) fetch(ctx context.Context, checksum string) error {
	resumed := size(d.part) > 0
	if err := d.whole(ctx); err != nil {
		return err
	}
	d.progress("verifying " + d.name())
	err := verify(ctx, d.part, checksum)
	var wrong *ChecksumError
	if !errors.As(err, &wrong) {
		return err
	}
	if rerr := os.Remove(d.part); rerr != nil || !resumed {
		return errors.Join(err, rerr)
	}
	d.progress("what was there of " + d.name() + " does not fit, downloading it anew")
	if err := d.whole(ctx); err != nil {
		return err
	}
	if err = verify(ctx, d.part, checksum); errors.As(err, &wrong) {
		err = errors.Join(err, os.Remove(d.part))
	}
	return err
}

func (d *download) name() string { return path.Base(d.url) }

// whole downloads until the server has no more, and connects again when the
// connection breaks, as long as that brings it forward.
func (d *download) whole(ctx context.Context) error {
	for failures := 0; ; {
		before := size(d.part)
		err := d.once(ctx)
		var final *answerError
		if err == nil || ctx.Err() != nil || errors.As(err, &final) {
			return err
		}
		if failures++; size(d.part) > before {
			failures = 0
		}
		if failures == attempts {
			return err
		}
		d.progress(fmt.Sprintf("%s: %v, trying again", d.name(), err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(failures) * time.Second):
		}
	}
}

// answerError is an answer that will not be better next time.
type answerError struct{ status string }

func (e *answerError) Error() string { return "the server answers " + e.status }

// once is one request, from where the part ends.
func (d *download) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(stallsAfter, func() { cancel(fmt.Errorf("nothing came for %s", stallsAfter)) })
	defer stall.Stop()
	have := size(d.part)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return err
	}
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return because(ctx, err)
	}
	defer response.Body.Close()
	flags := os.O_WRONLY | os.O_CREATE
	switch response.StatusCode {
	case http.StatusPartialContent:
		flags |= os.O_APPEND
		d.progress(fmt.Sprintf("%s: going on after %d MiB", d.name(), have>>20))
	case http.StatusOK:
		flags |= os.O_TRUNC
		have = 0
	case http.StatusRequestedRangeNotSatisfiable: // it is whole, or of another file
		return nil
	default:
		if response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests {
			return errors.New("the server answers " + response.Status)
		}
		return &answerError{response.Status}
	}
	f, err := os.OpenFile(d.part, flags, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, &counted{
		r: response.Body, done: have, total: have + response.ContentLength,
		each: func(done, total int64) { stall.Reset(stallsAfter); d.report(done, total) },
	})
	return because(ctx, errors.Join(err, f.Sync(), f.Close()))
}

// because returns why ctx was ended, if it was, else err.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (d *download) report(done, total int64) {
	if time.Since(d.reported) < reportEvery && done != total {
		return
	}
	d.reported = time.Now()
	if total < done { // the server did not say
		d.progress(fmt.Sprintf("%s: %d MiB", d.name(), done>>20))
		return
	}
	d.progress(fmt.Sprintf("%s: %d of %d MiB (%d %%)", d.name(), done>>20, total>>20, 100*done/max(total, 1)))
}

// counted is a reader that tells how far it is.
type counted struct {
	r           io.Reader
	done, total int64
	each        func(done, total int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if n > 0 {
		c.each(c.done, c.total)
	}
	return n, err
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
