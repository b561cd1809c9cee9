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
//	blocks           4 bytes, and 4 more for the offset of each
//	entries          of each: length of the path 4, follow 1, path, identity
//
// Offsets are relative to the first entry; block entries are together in a
// block, so that several can be looked at at a time without decoding all.
const (
	magic    = "torrust-tracker-deployer memo 1\n"
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

// A decoded memo has its entries still in bytes.
type decoded struct {
	nodes   int
	offsets []byte
	entries []byte
}

// decode returns the memo in data, if it is one with this key.
func decode(data []byte, key string) (decoded, bool) {
	le := binary.LittleEndian
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(rest) < 4 || le.Uint32(rest) != crc32.Checksum(rest[4:], table()) {
		return decoded{}, false
	}
	// From here on the bytes are those that encode has written.
	rest = rest[4:]
	n := le.Uint32(rest)
	if string(rest[4:4+n]) != key {
		return decoded{}, false
	}
	rest = rest[4+n:]
	d := decoded{nodes: int(le.Uint32(rest))}
	blocks := le.Uint32(rest[4:])
	d.offsets, d.entries = rest[8:8+4*blocks], rest[8+4*blocks:]
	return d, true
}

// unchanged reports whether every path has the identity that it had.
func (d decoded) unchanged(root string) bool {
	tree, err := cache.Open(root, "")
	if err != nil {
		return false
	}
	defer tree.Close()
	blocks := len(d.offsets) / 4
	var next atomic.Int64
	var changed atomic.Bool
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), blocks) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < blocks && !changed.Load(); i = int(next.Add(1)) - 1 {
				if !d.same(tree, i) {
					changed.Store(true)
				}
			}
		})
	}
	group.Wait()
	return !changed.Load()
}

// same is unchanged for one block.
func (d decoded) same(tree *cache.Tree, number int) bool {
	le := binary.LittleEndian
	rest := d.entries[le.Uint32(d.offsets[4*number:]):]
	for range block {
		if len(rest) == 0 {
			break
		}
		n := le.Uint32(rest)
		follow, path := rest[4] == 1, rest[5:5+n]
		rest = rest[5+n:]
		was := cache.Identity{
			Mode: le.Uint32(rest), Size: int64(le.Uint64(rest[4:])), Mtime: int64(le.Uint64(rest[12:])),
			Ctime: int64(le.Uint64(rest[20:])), Inode: le.Uint64(rest[28:]), Device: le.Uint64(rest[36:]),
		}
		rest = rest[identity:]
		if is, err := tree.Ask(string(path), follow); err != nil || is != was {
			return false
		}
	}
	return true
}
