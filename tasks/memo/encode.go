package memo

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/torrust/tracker-deployer/tasks/cache"
)

// A memo on disk is, in little-endian byte order:
//
//	magic            magic
//	checksum         4 bytes, CRC-32C of all that follows
//	length, key      4 bytes and the key
//	nodes            4 bytes
//	appended         4 bytes, how many; of each: length of the path 4, path
//	blocks           4 bytes, and 4 more for the offset of each
//	entries          of each: length of the path 4, follow 1, path, identity
//
// Offsets are relative to the first entry; block entries are together in a
// block, so that several can be looked at at a time without decoding all.
const (
	magic    = "torrust-tracker-deployer memo 2\n"
	block    = 256
	identity = 4 + 5*8
)

func table() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func encode(m Memo, entries []entry) []byte {
	var body []byte
	var offsets []byte
	le := binary.LittleEndian
	for i, e := range entries {
		if i%block == 0 {
			offsets = le.AppendUint32(offsets, uint32(len(body)))
		}
		body = le.AppendUint32(body, uint32(len(e.path)))
		body = append(body, flag(e.follow))
		body = append(body, e.path...)
		body = le.AppendUint32(body, e.id.Mode)
		for _, n := range [...]uint64{uint64(e.id.Size), uint64(e.id.Mtime), uint64(e.id.Ctime), e.id.Inode, e.id.Device} {
			body = le.AppendUint64(body, n)
		}
	}
	rest := le.AppendUint32(nil, uint32(len(m.Key)))
	rest = append(rest, m.Key...)
	rest = le.AppendUint32(rest, uint32(m.Nodes))
	rest = le.AppendUint32(rest, uint32(len(m.Appended)))
	for _, path := range m.Appended {
		rest = append(le.AppendUint32(rest, uint32(len(path))), path...)
	}
	rest = le.AppendUint32(rest, uint32(len(offsets)/4))
	rest = append(append(rest, offsets...), body...)
	data := le.AppendUint32([]byte(magic), crc32.Checksum(rest, table()))
	return append(data, rest...)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// decode returns the memo in data, if it is one with this key.
func decode(data []byte, key string) (Found, bool) {
	le := binary.LittleEndian
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(rest) < 4 || le.Uint32(rest) != crc32.Checksum(rest[4:], table()) {
		return Found{}, false
	}
	// From here on the bytes are those that encode has written.
	rest = rest[4:]
	n := le.Uint32(rest)
	if string(rest[4:4+n]) != key {
		return Found{}, false
	}
	rest = rest[4+n:]
	f := Found{Nodes: int(le.Uint32(rest))}
	appended := le.Uint32(rest[4:])
	rest = rest[8:]
	for range appended {
		n := le.Uint32(rest)
		f.Appended = append(f.Appended, string(rest[4:4+n]))
		rest = rest[4+n:]
	}
	blocks := le.Uint32(rest)
	f.offsets, f.entries = rest[4:4+4*blocks], rest[4+4*blocks:]
	return f, true
}

// Holds reports whether every path has the identity that it had, so that there
// is nothing to do in root. False is "not known".
func (f Found) Holds(root string) bool {
	tree, err := cache.Open(root, "")
	if err != nil {
		return false
	}
	defer tree.Close()
	blocks := len(f.offsets) / 4
	if blocks == 0 {
		return false // about no file: it is no memo
	}
	var next atomic.Int64
	var changed atomic.Bool
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), blocks) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < blocks && !changed.Load(); i = int(next.Add(1)) - 1 {
				if !f.same(tree, i) {
					changed.Store(true)
				}
			}
		})
	}
	group.Wait()
	return !changed.Load()
}

// same is unchanged for one block.
func (f Found) same(tree *cache.Tree, number int) bool {
	rest := f.entries[binary.LittleEndian.Uint32(f.offsets[4*number:]):]
	for range block {
		if len(rest) == 0 {
			break
		}
		var e entry
		e, rest = next(rest)
		if is, err := tree.Ask(e.path, e.follow); err != nil || is != e.id {
			return false
		}
	}
	return true
}

// next decodes the first of entries and returns the others.
func next(entries []byte) (e entry, rest []byte) {
	le := binary.LittleEndian
	n := le.Uint32(entries)
	e.follow, e.path, rest = entries[4] == 1, string(entries[5:5+n]), entries[5+n:]
	e.id = cache.Identity{
		Mode: le.Uint32(rest), Size: int64(le.Uint64(rest[4:])), Mtime: int64(le.Uint64(rest[12:])),
		Ctime: int64(le.Uint64(rest[20:])), Inode: le.Uint64(rest[28:]), Device: le.Uint64(rest[36:]),
	}
	return e, rest[identity:]
}

// Paths yields every path that was looked at, with whether links were followed.
func (f Found) Paths(yield func(path string, follow bool) bool) {
	for rest := f.entries; len(rest) > 0; {
		var e entry
		if e, rest = next(rest); !yield(e.path, e.follow) {
			return
		}
	}
}

// Most returns a number of paths that there are not more of, and not much less.
func (f Found) Most() int { return len(f.offsets) / 4 * block }
