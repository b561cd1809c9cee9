package tasks

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// journalFormat is the number in the head of the file. A newer one is refused,
// an older one is read and rewritten.
const journalFormat = 2

// journalMagic begins every journal since format 2.
const journalMagic = "\x00ttdj"

// headSize is the length of the head: magic, format, checksum.
const headSize = len(journalMagic) + 4 + 4

// header returns the head of a new file.
func header() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(journalMagic), journalFormat)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// A frameKind says what a frame is about.
type frameKind byte

// The kinds of frames. A run is a begin, which lists what it is going to do to
// resources; an intent before and an outcome after the work on nodes. A record
// is the outcome of a task that may be skipped as long as nothing of what went
// in or came out differs; verified moves the time at which its files were read.
// last is an outcome or a record that was copied when the file was rewritten.
const (
	frameBegin    frameKind = 'b' // Nodes, At, OK: it goes on with the run before
	frameIntent   frameKind = 'i' // Nodes, At
	frameOutcome  frameKind = 'o' // Nodes[0], OK, Took, At
	frameRecord   frameKind = 'r' // Nodes[0], OK, Took, At, Data
	frameVerified frameKind = 'v' // Nodes, At
)

// A frame is one entry of the journal. On disk it is length, checksum, kind
// and payload; the checksum covers kind and payload, the length is theirs.
type frame struct {
	Kind  frameKind
	Nodes []string
	OK    bool
	Took  time.Duration
	At    time.Time // the zero time is none
	Data  string    // of a record, in the words of package cache
}

// frameHead is the length of what stands before the kind.
const frameHead = 8

// append appends the frame as it is on disk.
func (f frame) append(b []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(f.Kind))
	var at int64
	if !f.At.IsZero() {
		at = f.At.UnixNano()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Took))
	ok := byte(0)
	if f.OK {
		ok = 1
	}
	b = append(b, ok)
	b = binary.AppendUvarint(b, uint64(len(f.Nodes)))
	for _, id := range f.Nodes {
		b = binary.AppendUvarint(b, uint64(len(id)))
		b = append(b, id...)
	}
	b = append(b, f.Data...)
	body := b[start+frameHead:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.ChecksumIEEE(body))
	return b
}

// nextFrame reads the first frame of s and returns how many bytes it takes;
// false for one that is torn or damaged. The frame keeps parts of s.
func nextFrame(s string, data []byte) (frame, int, bool) {
	if len(s) < frameHead+18 {
		return frame{}, 0, false
	}
	n := uint64(binary.LittleEndian.Uint32(data))
	sum := binary.LittleEndian.Uint32(data[4:])
	if n < 18 || n > uint64(len(s)-frameHead) {
		return frame{}, 0, false
	}
	end := frameHead + int(n)
	if crc32.ChecksumIEEE(data[frameHead:end]) != sum {
		return frame{}, 0, false
	}
	f := frame{Kind: frameKind(s[frameHead]), OK: s[frameHead+17] == 1}
	if at := int64(binary.LittleEndian.Uint64(data[frameHead+1:])); at != 0 {
		f.At = time.Unix(0, at).UTC()
	}
	f.Took = time.Duration(binary.LittleEndian.Uint64(data[frameHead+9:]))
	rest, ok := f.nodes(s[frameHead+18:end], data[frameHead+18:end])
	f.Data = rest
	return f, end, ok
}

// nodes reads the list of nodes and returns what follows it.
func (f *frame) nodes(s string, data []byte) (rest string, ok bool) {
	count, n := binary.Uvarint(data)
	if n <= 0 || count > uint64(len(s)) {
		return "", false
	}
	s, data = s[n:], data[n:]
	f.Nodes = make([]string, 0, count)
	for range count {
		length, n := binary.Uvarint(data)
		if n <= 0 || length > uint64(len(s)-n) {
			return "", false
		}
		end := n + int(length)
		f.Nodes = append(f.Nodes, s[n:end])
		s, data = s[end:], data[end:]
	}
	return s, true
}
