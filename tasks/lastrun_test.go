package tasks

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// The last run is what was done since the journal was opened for it, whether
// it went well or not; what an earlier run did is not in it.
func TestLastRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	outcome := func(id string, ok bool, took, end int) frame {
		return frame{Kind: frameOutcome, Nodes: []string{id}, OK: ok, Took: time.Duration(took) * time.Second, At: at(end)}
	}
	last := func() string {
		r, err := ReadRecords(path)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, n := range r.Last() {
			text += fmt.Sprintf("%s %v+%v %v; ", n.Node, n.Start.Sub(start), n.Took, n.OK)
		}
		return text
	}
	if got := last(); got != "" {
		t.Errorf("nothing ran, got %q", got)
	}
	write(t, path,
		frame{Kind: frameBegin, At: at(0)}, outcome("old", true, 1, 1), outcome("again", true, 1, 2), outcome("bad", false, 1, 3),
		frame{Kind: frameBegin, At: at(10)}, outcome("again", true, 2, 13), outcome("worse", false, 1, 14),
		frame{Kind: frameBegin, At: at(20), OK: true}, outcome("test", true, 3, 24), outcome("settled", true, 0, 24),
	)
	if got, want := last(), "again 11s+2s true; worse 13s+1s false; test 21s+3s true; "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	write(t, path, frame{Kind: frameBegin, At: at(30)})
	if got := last(); got != "" {
		t.Errorf("a run that did nothing yet, got %q", got)
	}
}
