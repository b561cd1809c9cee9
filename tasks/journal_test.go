package tasks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
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
		frame{Kind: frameBegin, Nodes: []string{"a", "b", "c"}},
		frame{Kind: frameIntent, Nodes: []string{"a", "b"}},
		frame{Kind: frameOutcome, Nodes: []string{"a"}, OK: true, Took: time.Second},
		frame{Kind: frameOutcome, Nodes: []string{"b"}, OK: false},
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
	write(t, whole, frame{Kind: frameBegin, Nodes: []string{"a"}}, frame{Kind: frameOutcome, Nodes: []string{"a"}, OK: true})
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
			write(t, path, frame{Kind: frameBegin, Nodes: []string{"z"}})
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
	head := binary.LittleEndian.AppendUint32([]byte(journalMagic), journalFormat+1)
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
	if err := os.WriteFile(path, head, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func() error{
		func() error { _, err := ReadRecords(path); return err },
		func() error { _, _, err := OpenJournal(path); return err },
	} {
		if err := open(); err == nil || err.Error() != "the records have format 3, this program reads up to 2" {
			t.Errorf("got %v", err)
		}
	}
	if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, head) {
		t.Errorf("what is refused was changed to %q (%v)", left, err)
	}
}

// A file of format 1 keeps what it says and is of format 2 after a run.
func TestJournalReadsFormat1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	var old bytes.Buffer
	for _, body := range []string{
		`{"frame":"format","format":1}`,
		`{"frame":"begin","nodes":["a","b"],"at":"2026-01-02T03:04:05Z","targets":["deploy"]}`,
		`{"frame":"intent","nodes":["a"]}`,
		`{"frame":"outcome","node":"a","ok":true,"took":1500000000,"at":"2026-01-02T03:04:06Z"}`,
	} {
		fmt.Fprintf(&old, "%08x %s\n", crc32.ChecksumIEEE([]byte(body)), body)
	}
	if err := os.WriteFile(path, append(old.Bytes(), "torn"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // as it is, and as it was migrated
		r, err := ReadRecords(path)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Pending["b"] || r.Pending["a"] || r.Durations["a"] != 1500*time.Millisecond || r.LastRun.Year() != 2026 {
			t.Errorf("got %+v", r)
		}
		write(t, path)
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(data, []byte(journalMagic)) {
		t.Errorf("it begins with %.20q (%v)", data, err)
	}
}

func TestJournalIsCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	var frames []frame
	for range compactAbove / 25 {
		frames = append(frames, frame{Kind: frameOutcome, Nodes: []string{"a"}, OK: true, Took: time.Second})
	}
	write(t, path, append(frames, frame{Kind: frameBegin, Nodes: []string{"b"}})...)
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
