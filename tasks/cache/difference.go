package cache

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A Difference is one thing that is not as recorded.
type Difference struct {
	What string // "variable MODE", `input "a b.txt"`
	Said string // "was edited"; "" where Old and New say it
	Old  string // "" = there was none
	New  string // "" = there is none any more

	Input string // the path of the input that it is about; "" = something else
}

// String is the difference in words: `variable MODE: "a" → "b"`.
func (d Difference) String() string {
	switch {
	case d.Said != "":
		return d.What + " " + d.Said
	case d.Old == "" && d.New == "":
		return d.What
	case d.Old == "":
		return d.What + " is new: " + d.New
	case d.New == "":
		return d.What + " is gone, it was " + d.Old
	}
	return d.What + ": " + d.Old + " → " + d.New
}

// compareFacts compares two encoded lists of facts.
func compareFacts(old, now string) []Difference {
	before, after := decodeFacts(old), decodeFacts(now)
	was := make(map[string]Fact, len(before))
	for _, f := range before {
		was[f.Name] = f
	}
	var list []Difference
	for _, f := range after {
		o, ok := was[f.Name]
		delete(was, f.Name)
		switch {
		case !ok && f.Secret:
			list = append(list, Difference{What: f.Name, Said: "is new"})
		case !ok:
			list = append(list, Difference{What: f.Name, New: shown(f.Value)})
		case o == f:
		case f.Secret || o.Secret:
			list = append(list, Difference{What: f.Name, Said: "has another value (secret)"})
		default:
			list = append(list, Difference{What: f.Name, Old: shown(o.Value), New: shown(f.Value)})
		}
	}
	for _, f := range before {
		if _, gone := was[f.Name]; gone && f.Secret {
			list = append(list, Difference{What: f.Name, Said: "is gone"})
		} else if gone {
			list = append(list, Difference{What: f.Name, Old: shown(f.Value)})
		}
	}
	return list
}

// widest is how much of a value is shown.
const widest = 200

func shown(value string) string {
	if len(value) > widest {
		value = strings.ToValidUTF8(value[:widest], "") + "…"
	}
	return fmt.Sprintf("%q", value)
}

// inputKind is what messages call an input.
const inputKind = "input"

// compareFiles compares two sorted lists of files.
func compareFiles(kind string, old, now []File) []Difference {
	var list []Difference
	add := func(d Difference, ok bool) {
		if ok {
			list = append(list, d)
		}
	}
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && compareFile(old[0], now[0]) < 0:
			add(compareFileAt(kind, old[0], File{Path: old[0].Path, Follow: old[0].Follow}))
			old = old[1:]
		case len(old) == 0 || compareFile(old[0], now[0]) > 0:
			add(compareFileAt(kind, File{Path: now[0].Path, Follow: now[0].Follow}, now[0]))
			now = now[1:]
		default:
			add(compareFileAt(kind, old[0], now[0]))
			old, now = old[1:], now[1:]
		}
	}
	return list
}

// compareFileAt compares what was and what is at one path.
func compareFileAt(kind string, old, now File) (Difference, bool) {
	d := Difference{What: fmt.Sprintf("%s %q", kind, old.Path)}
	if kind == inputKind {
		d.Input = old.Path
	}
	if old.Follow {
		d.What = "what " + d.What + " leads to"
	}
	a, b := old.Identity, now.Identity
	switch {
	case !a.Exists() && !b.Exists():
		return d, false
	case !a.Exists():
		d.Said = "is new"
	case !b.Exists():
		d.Said = "is gone"
	case a.kind() != b.kind():
		d.Said = fmt.Sprintf("is a %s, it was a %s", b.kind(), a.kind())
	case old.Link != now.Link:
		d.Old, d.New = "link to "+shown(old.Link), shown(now.Link)
	case old.Digest != now.Digest && a.Size != b.Size:
		d.Said = fmt.Sprintf("was edited: %d → %d bytes", a.Size, b.Size)
	case old.Digest != now.Digest:
		d.Said = "was edited"
	case a.Mode != b.Mode && !a.is(unix.S_IFLNK):
		d.Old, d.New = fmt.Sprintf("mode %04o", a.Mode&0o7777), fmt.Sprintf("%04o", b.Mode&0o7777)
	default:
		return d, false
	}
	return d, true
}
