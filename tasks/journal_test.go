package tasks

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func write(t *testing.T, path string, frames ...frame) {
	t.Helper()
	j, _, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.append(frames...); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestJournalRemembersWhatIsHalfDone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "journal")
	write(t, path,
		frame{Frame: "begin", Nodes: []string{"a", "b", "c"}},
		frame{Frame: "intent", Nodes: []string{"a", "b"}},
		frame{Frame: "outcome", Node: "a", OK: true, Took: time.Second},
		frame{Frame: "outcome", Node: "b", OK: false},
	)
	r, err := ReadRecords(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(r.Pending)); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("pending %v, want [b c]", got)
	}
	if r.Durations["a"] != time.Second {
		t.Errorf("durations %v", r.Durations)
	}
}

// A file that is cut anywhere, or has a wrong byte anywhere, is read up to the
// last good frame, and written on from there.
func TestJournalSurvivesEveryCut(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	write(t, whole, frame{Frame: "begin", Nodes: []string{"a"}}, frame{Frame: "outcome", Node: "a", OK: true})
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "cut")
	for i := range data {
		damaged := slices.Clone(data)
		damaged[i] ^= 0x20
		for _, content := range [][]byte{data[:i], damaged} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			write(t, path, frame{Frame: "begin", Nodes: []string{"z"}})
			r, err := ReadRecords(path)
			if err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
			if !r.Pending["z"] {
				t.Fatalf("byte %d: what was written afterwards is lost: %v", i, r.Pending)
			}
		}
	}
}

func TestJournalIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenJournal(path); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want %v", err, ErrBusy)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path)
}

func TestJournalRefusesANewerFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	write(t, path, frame{Frame: "format", Format: journalFormat + 1})
	_, err := ReadRecords(path)
	if err == nil || err.Error() != "the records have format 2, this program reads up to 1" {
		t.Errorf("got %v", err)
	}
}

func TestJournalIsCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	var frames []frame
	for range compactAbove / 60 {
		frames = append(frames, frame{Frame: "outcome", Node: "a", OK: true, Took: time.Second})
	}
	write(t, path, append(frames, frame{Frame: "begin", Nodes: []string{"b"}})...)
	write(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 1000 {
		t.Errorf("it still has %d bytes", info.Size())
	}
	r, err := ReadRecords(path)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Pending["b"] || r.Durations["a"] != time.Second {
		t.Errorf("records are lost: %+v", r)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
