package tasks

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks/cache"
)

// sealed returns the encoded record of an action without files.
func sealed(t testing.TB, dir string) string {
	t.Helper()
	tree, err := cache.Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	r := &cache.Recipe{Facts: []cache.Fact{{Name: "word 1", Value: "true"}}}
	rec, err := tree.Take(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Seal(rec, r); err != nil {
		t.Fatal(err)
	}
	return string(rec.Append(nil))
}

// Records, with the time at which they were verified last, come through a
// rewriting of the file; those that are pruned do not.
func TestRecordsAreKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	data, at := sealed(t, dir), time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	write(t, path,
		frame{Kind: frameRecord, Nodes: []string{"task:a"}, OK: true, Took: time.Second, At: at, Data: data},
		frame{Kind: frameRecord, Nodes: []string{"task:b"}, OK: true, Data: data},
		frame{Kind: frameRecord, Nodes: []string{"task:gone"}, OK: true, Data: data},
		frame{Kind: frameVerified, Nodes: []string{"task:a", "task:nobody"}, At: at},
		frame{Kind: frameIntent, Nodes: []string{"task:b"}},
	)
	j, r, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	gone, err := j.Prune(path, &r, func(node string) bool { return node != "task:gone" })
	if err != nil || !slices.Equal(gone, []string{"task:gone"}) {
		t.Fatalf("pruned %v (%v)", gone, err)
	}
	if err := j.append(frame{Kind: frameOutcome, Nodes: []string{"task:c"}, OK: true, Took: time.Minute}); err != nil {
		t.Fatal(err)
	}
	back, err := ReadRecords(path)
	if err != nil {
		t.Fatal(err)
	}
	a := back.Record("task:a")
	if a == nil || !a.At.Equal(at) || back.Durations["task:a"] != time.Second || !back.Ended["task:a"].Equal(at) {
		t.Errorf("task:a is %+v", a)
	}
	if back.Record("task:b") == nil || !back.Pending["task:b"] || back.Pending["task:a"] {
		t.Errorf("pending %v", back.Pending)
	}
	if back.Record("task:gone") != nil || back.Record("task:c") != nil || back.Durations["task:c"] != time.Minute {
		t.Errorf("%+v", back.Durations)
	}
}

// FuzzRecords reads anything as a journal, and what was read as one again.
func FuzzRecords(f *testing.F) {
	data := sealed(f, f.TempDir())
	whole := header()
	for _, x := range []frame{
		{Kind: frameBegin, Nodes: []string{"vm:web"}, At: time.Unix(1, 0)},
		{Kind: frameIntent, Nodes: []string{"task:a"}},
		{Kind: frameRecord, Nodes: []string{"task:a"}, OK: true, Took: 1, Data: data},
		{Kind: frameVerified, Nodes: []string{"task:a"}, At: time.Unix(2, 0)},
		{Kind: frameOutcome, Nodes: []string{"vm:web"}},
	} {
		whole = x.append(whole)
	}
	f.Add(whole)
	f.Add([]byte("16306c6b {\"frame\":\"format\",\"format\":9}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRecords()
		found, err := r.scan(data)
		if err != nil {
			return
		}
		if found.good > len(data) {
			t.Fatalf("%d good bytes of %d", found.good, len(data))
		}
		again := header()
		for _, x := range r.frames() {
			again = x.append(again)
		}
		back := newRecords()
		if found, err := back.scan(again); err != nil || found.good != len(again) {
			t.Fatalf("what was read cannot be written and read: %d of %d, %v", found.good, len(again), err)
		}
		for id := range r.Durations {
			back.Record(id)
			if back.Durations[id] != r.Durations[id] || back.Pending[id] != r.Pending[id] {
				t.Fatalf("%q is another one", id)
			}
		}
	})
}
