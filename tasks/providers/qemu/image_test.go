package qemu

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
)

// server serves content at /image, and breaks the connection after breakAfter
// bytes of each answer when that is not 0.
type server struct {
	*httptest.Server
	content    []byte
	noRanges   bool
	breakAfter int

	mu     sync.Mutex
	ranges []string
}

func serve(t *testing.T, content []byte) *server {
	t.Helper()
	s := &server{content: content}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		s.mu.Unlock()
		if r.URL.Path != "/image" {
			http.NotFound(w, r)
			return
		}
		if s.noRanges {
			r.Header.Del("Range")
		}
		if s.breakAfter > 0 {
			w = &breaking{ResponseWriter: w, left: s.breakAfter}
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.content))
	}))
	t.Cleanup(s.Close)
	return s
}

type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		b.ResponseWriter.Write(p[:len(p)+b.left])
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return b.ResponseWriter.Write(p)
}

func random(n int) []byte {
	content := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	source.Read(content)
	return content
}

func digest(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// imageOf is a machine with an image, in a cache of its own.
func imageOf(t *testing.T, image, checksum string) *vm {
	t.Helper()
	p := New(Config{Environment: "e", DataHome: t.TempDir(), CacheHome: t.TempDir(), Root: t.TempDir()})
	return &vm{Provider: p, spec: &environments.QEMU{Image: image, Checksum: checksum}, state: &state{}}
}

func TestDownload(t *testing.T) {
	content := random(3 << 20)
	for name, test := range map[string]struct {
		prepare  func(*server)
		part     []byte // what an earlier run left
		checksum string
		ranges   []string
	}{
		"whole":                {nil, nil, digest(content), []string{""}},
		"sha512, upper case":   {nil, nil, strings.ToUpper(fmt.Sprintf("%x", sha512.Sum512(content))), []string{""}},
		"going on":             {nil, content[:1<<20], digest(content), []string{"bytes=1048576-"}},
		"whole already":        {nil, content, digest(content), []string{"bytes=3145728-"}},
		"part of another file": {nil, random(1 << 20)[512:], digest(content), []string{"bytes=1048064-", ""}},
		"more than the file":   {nil, append(slices.Clone(content), 1), digest(content), []string{"bytes=3145729-", ""}},
		"no ranges":            {func(s *server) { s.noRanges = true }, content[:1<<20], digest(content), []string{"bytes=1048576-"}},
		"broken connections":   {func(s *server) { s.breakAfter = 2 << 20 }, nil, digest(content), []string{"", "bytes=2097152-"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, content)
			if test.prepare != nil {
				test.prepare(s)
			}
			v := imageOf(t, s.URL+"/image", test.checksum)
			dir := filepath.Join(v.config.CacheHome, "images", strings.ToLower(test.checksum))
			if test.part != nil {
				os.MkdirAll(dir, 0o755)
				os.WriteFile(filepath.Join(dir, "part"), test.part, 0o644)
			}
			var lines []string
			for range 2 { // the second is from the cache
				got, err := v.image(t.Context(), func(l string) { lines = append(lines, l) })
				if err != nil {
					t.Fatal(err)
				}
				if read, err := os.ReadFile(got.Path); err != nil || !bytes.Equal(read, content) || got.Format != "raw" {
					t.Errorf("%+v has other bytes (%v)", got, err)
				}
			}
			if !slices.Equal(s.ranges, test.ranges) {
				t.Errorf("asked for %q, want %q", s.ranges, test.ranges)
			}
			if name == "whole" && !slices.Equal(lines, []string{"image: 3 of 3 MiB (100 %)", "verifying image"}) &&
				!slices.Equal(lines[1:], []string{"image: 3 of 3 MiB (100 %)", "verifying image"}) {
				t.Errorf("progress %q", lines)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("left in the cache: %v", entries)
			}
		})
	}
}

func TestDownloadProblems(t *testing.T) {
	content := random(1 << 16)
	s := serve(t, content)
	other := digest([]byte("other"))
	for name, test := range map[string]struct{ url, checksum, want string }{
		"another file":     {s.URL + "/image", other, "checksum is " + digest(content) + ", declared is " + other},
		"no such file":     {s.URL + "/no", other, "the server answers 404 Not Found"},
		"no checksum":      {s.URL + "/image", "", "neither sha256 nor sha512"},
		"half a checksum":  {s.URL + "/image", other[:40], "checksum of 40 digits"},
		"not there at all": {filepath.Join(t.TempDir(), "no"), "", "no such file"},
	} {
		v := imageOf(t, test.url, test.checksum)
		_, err := v.image(t.Context(), func(string) {})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), fmt.Sprintf("image %q: ", test.url)) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(v.config.CacheHome, "images", "*", "*")); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func TestAnEndedRunKeepsWhatItHas(t *testing.T) {
	content := random(8 << 20)
	s := serve(t, content)
	v := imageOf(t, s.URL+"/image", digest(content))
	ctx, cancel := context.WithCancel(t.Context())
	first := true
	_, err := v.image(ctx, func(string) {
		if first { // the first bytes are there
			cancel()
		}
		first = false
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	part := filepath.Join(v.config.CacheHome, "images", digest(content), "part")
	if n := size(part); n >= int64(len(content)) {
		t.Fatalf("it went on to the end (%d bytes)", n)
	}
	if _, err := v.image(t.Context(), func(string) {}); err != nil {
		t.Error(err)
	}
}

func TestRunsThatWantTheSameImageDownloadItOnce(t *testing.T) {
	content := random(1 << 20)
	s := serve(t, content)
	v := imageOf(t, s.URL+"/image", digest(content))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := v.image(t.Context(), func(string) {}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(s.ranges) != 1 {
		t.Errorf("%d requests", len(s.ranges))
	}
}

func TestLocalImages(t *testing.T) {
	content := random(1 << 16)
	v := imageOf(t, "images/x.raw", digest(content))
	path := filepath.Join(v.config.Root, "images", "x.raw")
	os.MkdirAll(filepath.Dir(path), 0o755)
	os.WriteFile(path, content, 0o644)
	if got, err := v.image(t.Context(), func(string) {}); err != nil || got.Path != path {
		t.Errorf("%+v, %v", got, err)
	}
	os.WriteFile(path, content[1:], 0o644)
	var wrong *ChecksumError
	if _, err := v.image(t.Context(), func(string) {}); !errors.As(err, &wrong) || wrong.Hint() == "" {
		t.Errorf("error %v", err)
	}
	v.spec.Checksum = ""
	if _, err := v.image(t.Context(), func(string) {}); err != nil {
		t.Error(err)
	}
}

func TestImageLargerThanTheDisk(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	os.WriteFile(filepath.Join(l.config.Root, "image.raw"), make([]byte, 2<<20), 0o600)
	_, err := l.Ensure(t.Context(), h, l.progress)
	if err == nil || !strings.Contains(err.Error(), `disk is 1MiB, image "image.raw" needs 2MiB`) {
		t.Errorf("error %v", err)
	}
}

func TestProbe(t *testing.T) {
	on, err := thisPlatform()
	if err != nil {
		t.Fatal(err)
	}
	if verdict, err := probe(t.Context(), on, "tcg"); err != nil || verdict != worked {
		t.Errorf("emulation: %q, %v", verdict, err)
	}
	if verdict, err := probe(t.Context(), on, "no-such"); err != nil || verdict == worked {
		t.Errorf("an acceleration that there is not: %q, %v", verdict, err)
	}
	on.program = "qemu-system-none"
	_, err = probe(t.Context(), on, "tcg")
	var hint interface{ Hint() string }
	if err == nil || !errors.As(err, &hint) || !strings.Contains(err.Error(), "qemu-system-none is not installed") {
		t.Errorf("a program that there is not: %v", err)
	}
	if _, err := platformOf("mips"); err == nil || !strings.Contains(err.Error(), "mips") {
		t.Errorf("another architecture: %v", err)
	}
}

func TestTheVerdictIsRemembered(t *testing.T) {
	l := newLab(t)
	l.config.CacheHome = t.TempDir()
	on, err := platformOf(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	key, err := probeKey(t.Context(), on)
	if err != nil {
		t.Fatal(err)
	}
	name, why := candidate()
	for verdict, want := range map[string]string{worked: name, "it does not": "tcg"} {
		os.WriteFile(filepath.Join(l.config.CacheHome, probeFile), fmt.Appendf(nil, "{%q: %q}", key, verdict), 0o644)
		if name == "" { // this computer has none: nothing is remembered
			want = "tcg"
		}
		got, err := l.acceleration(t.Context(), on, l.progress)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v (candidate %q, %s)", verdict, got, err, name, why)
		}
	}
}

func TestABridgeThatIsNotThere(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	h.Provider.QEMU.Network = &environments.Bridge{Name: "no-bridge", IPv4: "192.0.2.5/24"}
	_, err := l.Ensure(t.Context(), h, l.progress)
	var hint interface{ Hint() string }
	if err == nil || !strings.Contains(err.Error(), `there is no bridge "no-bridge"`) || !errors.As(err, &hint) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(l.Directory("web"), diskFile)); err == nil {
		t.Error("a disk was made nevertheless")
	}
}
