package memo_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/memo"
)

// Most of what tests do here is to wait until files are old enough, which they
// can do at the same time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// A site is a project directory whose files are old enough, and a store.
type site struct {
	*testing.T
	root  string
	store memo.Store
	files []cache.File
	began time.Time
}

// newSite writes files, waits until they can be trusted and notes how they are.
func newSite(t *testing.T, names ...string) *site {
	t.Helper()
	s := &site{T: t, root: t.TempDir()}
	s.store.Dir = filepath.Join(t.TempDir(), "memos")
	for _, name := range names {
		s.write(name, "content\n")
	}
	s.settle(names...)
	s.note(names...)
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.root, name) }

func (s *site) write(name, text string) {
	s.Helper()
	s.must(os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	s.must(os.WriteFile(s.path(name), []byte(text), 0o644))
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// settle waits until what was written to names can be told from later writes.
func (s *site) settle(names ...string) {
	s.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now := time.Now()
		young := slices.ContainsFunc(names, func(name string) bool { return !s.identity(name).Settled(now) })
		if !young {
			return
		}
		if now.After(deadline) {
			s.Fatal("files do not age")
		}
	}
}

func (s *site) identity(name string) cache.Identity {
	s.Helper()
	tree, err := cache.Open(s.root, "")
	s.must(err)
	defer tree.Close()
	id, err := tree.Ask(name, false)
	s.must(err)
	return id
}

func (s *site) note(names ...string) {
	s.Helper()
	s.began, s.files = time.Now(), nil
	for _, name := range names {
		s.files = append(s.files, cache.File{Path: name, Identity: s.identity(name)})
	}
}

func (s *site) memo() memo.Memo {
	return memo.Memo{Key: "key", Root: s.root, Began: s.began, Nodes: 7, Files: s.files}
}

func (s *site) keep(m memo.Memo) {
	s.Helper()
	s.must(s.store.Keep(m))
}

func (s *site) wantHeld(want bool) {
	s.Helper()
	found, ok := s.store.Find("key")
	if ok && found.Nodes != 7 {
		s.Errorf("it is about %d nodes, want 7", found.Nodes)
	}
	if ok = ok && found.Holds(s.root); ok != want {
		s.Fatalf("held: %v, want %v", ok, want)
	}
}

// Every one of these is noticed, and what was there before holds again only
// where nothing can tell the difference.
func TestHoldsUntilSomethingChanges(t *testing.T) {
	for name, change := range map[string]func(s *site) error{
		"content": func(s *site) error { return os.WriteFile(s.path("in/a"), []byte("CONTENT\n"), 0o644) },
		"content with size and mtime as before": func(s *site) error {
			info, err := os.Stat(s.path("in/a"))
			s.must(err)
			s.write("in/a", "CONTENT\n")
			return os.Chtimes(s.path("in/a"), time.Time{}, info.ModTime())
		},
		"mode":         func(s *site) error { return os.Chmod(s.path("in/a"), 0o755) },
		"removed":      func(s *site) error { return os.Remove(s.path("in/a")) },
		"became":       func(s *site) error { return os.WriteFile(s.path("absent"), nil, 0o644) },
		"a file more":  func(s *site) error { return os.WriteFile(s.path("in/b"), nil, 0o644) },
		"another file": func(s *site) error { s.write("n", "content\n"); return os.Rename(s.path("n"), s.path("in/a")) },
		"behind a link": func(s *site) error {
			s.must(os.Rename(s.path("in"), s.path("was")))
			s.must(os.CopyFS(s.path("other"), os.DirFS(s.path("was"))))
			return os.Symlink("other", s.path("in"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "in/a")
			s.note("in/a", "in", "absent")
			s.wantHeld(false)
			s.keep(s.memo())
			s.wantHeld(true)
			s.must(change(s))
			s.wantHeld(false)
		})
	}
}

func TestHoldsForItsKeyAndRootOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t, "in/a")
	s.keep(s.memo())
	if _, ok := s.store.Find("another"); ok {
		t.Error("it holds for another key")
	}
	if found, _ := s.store.Find("key"); found.Holds(t.TempDir()) {
		t.Error("it holds in another directory")
	}
	if _, ok := (memo.Store{}).Find("key"); ok {
		t.Error("no store holds something")
	}
	s.wantHeld(true)
}

// A file that is too young to tell a later change from the one before is not
// trusted, and what was held before for that key is not held any more.
func TestYoungFilesAreNotTrusted(t *testing.T) {
	t.Parallel()
	s := newSite(t, "in/a")
	s.keep(s.memo())
	s.write("in/a", "CONTENT\n")
	s.note("in/a")
	s.keep(s.memo())
	s.wantHeld(false)
}

// A file seen in two states is none that a verdict can rest on.
func TestTwoIdentitiesAreNotTrusted(t *testing.T) {
	t.Parallel()
	s := newSite(t, "in/a")
	other := s.files[0]
	other.Identity.Inode++
	s.files = append(s.files, s.files[0], other)
	s.keep(s.memo())
	s.wantHeld(false)
}

func TestAppendedFilesMayBeYoung(t *testing.T) {
	t.Parallel()
	s := newSite(t, "in/a")
	journal := filepath.Join(t.TempDir(), "journal")
	s.must(os.WriteFile(journal, []byte("frame\n"), 0o600))
	m := s.memo()
	m.Appended = []string{journal}
	s.keep(m)
	s.wantHeld(true)
	f, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
	s.must(err)
	_, err = f.WriteString("frame\n")
	s.must(err)
	s.must(f.Close())
	s.wantHeld(false)
}

// What a memo names can be found out also when it does not hold any more.
func TestPathsOfAMemo(t *testing.T) {
	t.Parallel()
	s := newSite(t, "in/a", "in/b")
	s.files[1].Follow = true
	for i := range 600 { // several blocks
		s.files = append(s.files, cache.File{Path: fmt.Sprintf("absent/%03d", i)})
	}
	m := s.memo()
	m.Appended = []string{s.path("journal")}
	s.keep(m)
	s.write("in/a", "CONTENT\n")
	s.wantHeld(false)
	found, ok := s.store.Find("key")
	if !ok || !slices.Equal(found.Appended, m.Appended) {
		t.Fatalf("found: %v, appended are %q", ok, found.Appended)
	}
	seen := map[string]bool{}
	for path, follow := range found.Paths {
		if follow != (path == "in/b" || path == m.Appended[0]) {
			t.Errorf("%s: links are followed: %v", path, follow)
		}
		seen[path] = true
	}
	if len(seen) != len(m.Files)+1 || found.Most() < len(seen) {
		t.Errorf("%d paths, at most %d, want %d", len(seen), found.Most(), len(m.Files)+1)
	}
}

// Whatever is left of a memo on disk, it holds whole or not at all.
func TestDamagedMemoHoldsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, "in/a")
	for i := range 600 { // several blocks
		s.files = append(s.files, cache.File{Path: fmt.Sprintf("absent/%d", i)})
	}
	s.keep(s.memo())
	s.wantHeld(true)
	list, err := os.ReadDir(s.store.Dir)
	s.must(err)
	path := filepath.Join(s.store.Dir, list[0].Name())
	whole, err := os.ReadFile(path)
	s.must(err)
	for n := 0; n < len(whole); n += 1 + n/50 {
		s.must(os.WriteFile(path, whole[:n], 0o600))
		s.wantHeld(false)
		flipped := bytes.Clone(whole)
		flipped[n] ^= 1
		s.must(os.WriteFile(path, flipped, 0o600))
		s.wantHeld(false)
	}
	s.must(os.WriteFile(path, whole, 0o600))
	s.wantHeld(true)
	s.write("absent/599", "")
	s.wantHeld(false)
}

func TestStoreDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	s := newSite(t, "in/a")
	for i := range 100 {
		m := s.memo()
		m.Key = fmt.Sprint(i)
		s.keep(m)
	}
	list, err := os.ReadDir(s.store.Dir)
	s.must(err)
	if len(list) != 64 {
		t.Errorf("%d memos, want 64", len(list))
	}
	if found, ok := s.store.Find("99"); !ok || !found.Holds(s.root) {
		t.Error("the newest one is gone")
	}
}
