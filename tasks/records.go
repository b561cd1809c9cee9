package tasks

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks/cache"
)

// Records are what earlier runs left: how long nodes took, which were begun
// and not finished, and what went into tasks and came out of them.
type Records struct {
	Durations map[string]time.Duration
	Ended     map[string]time.Time // when; only of nodes in Durations
	Pending   map[string]bool
	LastRun   time.Time // zero = never

	tasks  map[string]recorded
	since  time.Time // when the last run began, with what it went on with
	failed []Ran     // in the last run
}

// A recorded is the record of a task as it is in the file.
type recorded struct {
	data string
	at   time.Time // when its files were read last; zero = as the record says

	record *cache.Record // nil = not decoded yet
}

func newRecords() Records {
	return Records{
		Durations: map[string]time.Duration{}, Ended: map[string]time.Time{},
		Pending: map[string]bool{}, tasks: map[string]recorded{},
	}
}

// Record returns what is recorded of a task, nil when there is nothing, or
// nothing that can be read.
func (r *Records) Record(node string) *cache.Record {
	found, ok := r.tasks[node]
	if !ok || found.record != nil {
		return found.record
	}
	rec, err := cache.Decode(found.data)
	if err != nil {
		return nil
	}
	if !found.at.IsZero() {
		rec.At = found.at
	}
	return rec
}

// decode decodes every record, for who has the time.
func (r *Records) decode() {
	for id, t := range r.tasks {
		t.record = r.Record(id)
		r.tasks[id] = t
	}
}

// add takes in a frame.
func (r *Records) add(f frame) {
	switch f.Kind {
	case frameBegin:
		r.LastRun = f.At
		if !f.OK {
			r.since, r.failed = f.At, nil
		}
		r.pend(f.Nodes)
	case frameIntent:
		r.pend(f.Nodes)
	case frameOutcome, frameRecord:
		if len(f.Nodes) != 1 {
			return
		}
		if !f.OK {
			r.failed = append(r.failed, Ran{Node: f.Nodes[0], Start: f.At.Add(-f.Took), Took: f.Took})
			return
		}
		id := f.Nodes[0]
		delete(r.Pending, id)
		r.Durations[id], r.Ended[id] = f.Took, f.At
		if f.Kind == frameRecord {
			r.tasks[id] = recorded{data: f.Data}
		}
	case frameVerified:
		for _, id := range f.Nodes {
			if t, ok := r.tasks[id]; ok {
				t.at, t.record = f.At, nil
				r.tasks[id] = t
			}
		}
	}
}

func (r *Records) pend(nodes []string) {
	for _, id := range nodes {
		r.Pending[id] = true
	}
}

// drop removes what keep refuses.
func (r *Records) drop(keep func(node string) bool) []string {
	gone := map[string]bool{}
	for id := range r.tasks {
		gone[id] = !keep(id)
	}
	for id := range r.Durations {
		gone[id] = !keep(id)
	}
	maps.DeleteFunc(gone, func(_ string, is bool) bool { return !is })
	for id := range gone {
		delete(r.tasks, id)
		delete(r.Durations, id)
		delete(r.Ended, id)
		delete(r.Pending, id)
	}
	return slices.Sorted(maps.Keys(gone))
}

// frames returns the frames that scan to r.
func (r *Records) frames() []frame {
	frames := []frame{{Kind: frameBegin, Nodes: slices.Sorted(maps.Keys(r.Pending)), At: r.LastRun}}
	// An outcome would end what is pending, so that goes last.
	var last []frame
	for _, id := range slices.Sorted(maps.Keys(r.tasks)) {
		f := frame{Kind: frameRecord, Nodes: []string{id}, OK: true, Took: r.Durations[id], At: r.Ended[id], Data: r.tasks[id].data}
		frames = append(frames, f)
		if at := r.tasks[id].at; !at.IsZero() {
			last = append(last, frame{Kind: frameVerified, Nodes: []string{id}, At: at})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.Durations)) {
		if _, is := r.tasks[id]; !is {
			frames = append(frames, frame{Kind: frameOutcome, Nodes: []string{id}, OK: true, Took: r.Durations[id], At: r.Ended[id]})
		}
	}
	if len(r.Pending) > 0 {
		last = append(last, frame{Kind: frameIntent, Nodes: slices.Sorted(maps.Keys(r.Pending))})
	}
	return append(frames, last...)
}

// scanned says what a scan went over.
type scanned struct {
	good int  // bytes that can be read
	live int  // bytes of them that still count, about
	old  bool // an older format
}

// scan takes in every good frame of a file.
func (r *Records) scan(data []byte) (scanned, error) {
	s := string(data) // what is kept of it
	format, ok := formatOf(s, data)
	if !ok {
		return r.scanOld(s)
	}
	if format > journalFormat {
		return scanned{}, fmt.Errorf("the records have format %d, this program reads up to %d", format, journalFormat)
	}
	found := scanned{good: headSize}
	r.expect(len(s) / usual)
	sizes := make(map[string]int, len(s)/usual)
	for found.good < len(s) {
		f, n, ok := nextFrame(s[found.good:], data[found.good:])
		if !ok {
			break
		}
		found.good += n
		if (f.Kind == frameRecord || f.Kind == frameOutcome) && len(f.Nodes) == 1 {
			found.live += n - sizes[f.Nodes[0]]
			sizes[f.Nodes[0]] = n
		}
		r.add(f)
	}
	return found, nil
}

// usual is the size of a frame that is to be expected, in bytes: that of the
// record of a task with an input and an output.
const usual = 512

// expect makes room for n nodes.
func (r *Records) expect(n int) {
	r.Durations, r.Ended = make(map[string]time.Duration, n), make(map[string]time.Time, n)
	r.tasks = make(map[string]recorded, n)
}

// formatOf returns the format in the head; false where there is no good head.
func formatOf(s string, data []byte) (int, bool) {
	if len(s) < headSize || !strings.HasPrefix(s, journalMagic) {
		return 0, false
	}
	body := headSize - 4
	if crc32.ChecksumIEEE(data[:body]) != binary.LittleEndian.Uint32(data[body:]) {
		return 0, false
	}
	return int(binary.LittleEndian.Uint32(data[len(journalMagic):])), true
}

// An oldFrame is a line of format 1: checksum, space, JSON.
type oldFrame struct {
	Frame  string        `json:"frame"` // format, begin, intent, outcome
	Format int           `json:"format"`
	Nodes  []string      `json:"nodes"`
	Node   string        `json:"node"`
	OK     bool          `json:"ok"`
	Took   time.Duration `json:"took"`
	At     time.Time     `json:"at"`
}

// scanOld takes in a file of format 1.
func (r *Records) scanOld(s string) (scanned, error) {
	found := scanned{old: true}
	for line := range strings.Lines(s) {
		if len(line) < 10 || !strings.HasSuffix(line, "\n") {
			break
		}
		body := line[9 : len(line)-1]
		var f oldFrame
		if fmt.Sprintf("%08x ", crc32.ChecksumIEEE([]byte(body))) != line[:9] || json.Unmarshal([]byte(body), &f) != nil {
			break
		}
		found.good += len(line)
		if f.Format > 1 {
			return found, fmt.Errorf("the records have format %d, this program reads up to %d", f.Format, journalFormat)
		}
		switch f.Frame {
		case "begin":
			r.add(frame{Kind: frameBegin, Nodes: f.Nodes, At: f.At})
		case "outcome":
			r.add(frame{Kind: frameOutcome, Nodes: []string{f.Node}, OK: f.OK, Took: f.Took, At: f.At})
		}
	}
	return found, nil
}
