package tasks

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What was read ahead counts only while nobody has written to the journal.
func TestReadAheadCountsUntilSomebodyWrites(t *testing.T) {
	outcome := func(id string) frame {
		return frame{Kind: frameOutcome, Nodes: []string{id}, OK: true, Took: time.Second}
	}
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, path string)
		counts    bool
		known     []string
	}{
		"nothing happened": {func(*testing.T, string) {}, true, []string{"a"}},
		"another run":      {func(t *testing.T, path string) { write(t, path, outcome("b")) }, false, []string{"a", "b"}},
		"it was replaced by its like": {func(t *testing.T, path string) {
			if err := os.Rename(path, path+".was"); err != nil {
				t.Fatal(err)
			}
			write(t, path, outcome("c"))
		}, false, []string{"c"}},
		"it is gone": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			write(t, path, outcome("a"))
			ahead := ReadAhead(path)
			<-ahead.done
			c.meanwhile(t, path)
			j, r, counts, err := ahead.OpenJournal(path)
			if err != nil {
				t.Fatal(err)
			}
			if counts != c.counts {
				t.Errorf("counts: %v, want %v", counts, c.counts)
			}
			if len(r.Durations) != len(c.known) {
				t.Errorf("known are %v, want %v", r.Durations, c.known)
			}
			for _, id := range c.known {
				if r.Durations[id] != time.Second {
					t.Errorf("known are %v, want %v", r.Durations, c.known)
				}
			}
			if err := j.append(outcome("z")); err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if r, err = ReadRecords(path); err != nil || len(r.Durations) != len(c.known)+1 {
				t.Errorf("after that are known %v (%v)", r.Durations, err)
			}
		})
	}
}

// Nothing that was read ahead, or something else, is no reason to complain.
func TestReadAheadOfSomethingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	write(t, path, frame{Kind: frameOutcome, Nodes: []string{"a"}, OK: true, Took: time.Second})
	for name, ahead := range map[string]*Ahead{
		"nothing": nil, "another journal": ReadAhead(filepath.Join(dir, "other")),
	} {
		j, r, counts, err := ahead.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		if counts || r.Durations["a"] != time.Second {
			t.Errorf("%s: counts: %v, known are %v", name, counts, r.Durations)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
