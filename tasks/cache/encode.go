package cache

import (
	"encoding/binary"
	"errors"
	"time"
)

// facts returns the encoded facts of r, tools resolved among them, and the
// paths of the tools, "" for one that is not there.
func (t *Tree) facts(r *Recipe) ([]byte, []string) {
	size := 0
	for _, f := range r.Facts {
		size += len(f.Name) + len(f.Value) + 2*binary.MaxVarintLen16
	}
	for _, name := range r.Tools {
		size += len(name) + usualPlace
	}
	e := encoder{make([]byte, 0, size)}
	for _, f := range r.Facts {
		e.fact(f)
	}
	tools := make([]string, len(r.Tools))
	for i, name := range r.Tools {
		tools[i] = t.place(name).path
		e.fact(Fact{Name: "place of tool " + name, Value: tools[i]})
	}
	return e.b, tools
}

// usualPlace is how many bytes the place of a tool takes, about.
const usualPlace = 64

// roots returns the encoded paths of r.
func (r *Recipe) roots() []byte {
	e := encoder{make([]byte, 0, 128)}
	for _, list := range [][]string{r.Inputs, r.Tools, r.Outputs} {
		e.number(uint64(len(list)))
		for _, p := range list {
			e.text(p)
		}
	}
	return e.b
}

func decodeFacts(s string) []Fact {
	d := decoder{s: s}
	var list []Fact
	for len(d.s) > 0 && d.err == nil {
		list = append(list, Fact{Name: d.text(), Value: d.text(), Secret: d.number() == 1})
	}
	return list
}

// Append appends the record to b, in a form that Decode reads.
func (r *Record) Append(b []byte) []byte {
	e := encoder{b}
	e.time(r.At)
	e.time(r.Ran)
	e.text(r.Stale)
	e.text(r.facts)
	e.text(r.roots)
	for _, list := range [][]File{r.inputs, r.tools, r.outputs} {
		e.number(uint64(len(list)))
		for i := range list {
			e.file(&list[i])
		}
	}
	return e.b
}

// errRecord is a record that was not written by Append.
var errRecord = errors.New("the record of a task is damaged")

// Decode reads a record. The record keeps parts of s.
func Decode(s string) (*Record, error) {
	d := decoder{s: s}
	r := &Record{At: d.time(), Ran: d.time(), Stale: d.text(), facts: d.text(), roots: d.text()}
	for _, list := range []*[]File{&r.inputs, &r.tools, &r.outputs} {
		n := d.number()
		if n > uint64(len(d.s)) { // each takes more than a byte
			return nil, errRecord
		}
		*list = make([]File, n)
		for i := range *list {
			d.file(&(*list)[i])
		}
	}
	if d.err != nil || len(d.s) > 0 {
		return nil, errRecord
	}
	return r, nil
}

type encoder struct{ b []byte }

func (e *encoder) number(n uint64) { e.b = binary.AppendUvarint(e.b, n) }

func (e *encoder) signed(n int64) { e.b = binary.AppendVarint(e.b, n) }

func (e *encoder) time(t time.Time) { e.signed(t.UnixNano()) }

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) fact(f Fact) {
	e.text(f.Name)
	e.text(f.Value)
	e.number(uint64(b2i(f.Secret)))
}

func (e *encoder) file(f *File) {
	e.text(f.Path)
	e.number(uint64(b2i(f.Follow)))
	e.text(f.Link)
	id := f.Identity
	e.number(uint64(id.Mode))
	e.signed(id.Size)
	e.signed(id.Mtime)
	e.signed(id.Ctime)
	e.number(id.Inode)
	e.number(id.Device)
	if f.Digest == (Digest{}) {
		e.number(0)
		return
	}
	e.number(1)
	e.b = append(e.b, f.Digest[:]...)
}

// A decoder reads what an encoder wrote; after the first error everything is
// zero.
type decoder struct {
	s   string
	err error
}

func (d *decoder) fail() {
	d.s, d.err = "", errRecord
}

func (d *decoder) number() uint64 {
	var n uint64
	for i := 0; i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		c := d.s[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.s = d.s[i+1:]
			return n
		}
	}
	d.fail()
	return 0
}

func (d *decoder) signed() int64 {
	n := d.number()
	return int64(n>>1) ^ -int64(n&1)
}

func (d *decoder) time() time.Time { return time.Unix(0, d.signed()).UTC() }

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.s)) {
		d.fail()
		return ""
	}
	s := d.s[:n]
	d.s = d.s[n:]
	return s
}

func (d *decoder) file(f *File) {
	f.Path, f.Follow, f.Link = d.text(), d.number() == 1, d.text()
	f.Identity = Identity{
		Mode: uint32(d.number()), Size: d.signed(), Mtime: d.signed(), Ctime: d.signed(),
		Inode: d.number(), Device: d.number(),
	}
	if d.number() == 0 {
		return
	}
	if len(d.s) < len(f.Digest) {
		d.fail()
		return
	}
	copy(f.Digest[:], d.s)
	d.s = d.s[len(f.Digest):]
}
