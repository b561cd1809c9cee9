package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/torrust/tracker-deployer/environments"
)

// A file is a JSON file while it is read.
type file struct {
	name     string
	data     []byte
	root     *value
	problems []environments.Problem
	warnings []environments.Problem
}

// A value is a JSON value and where it is.
type value struct {
	path     string // "tracker.udp_trackers[0].domain", "" for the whole
	from, to int    // its bytes
	kind     string // object, list, string, number, bool, null
	text     string // of a string what it means, of others as written
	members  []member
	elements []*value
	shown    bool // is no secret: may be seen in source lines
}

// A member is a key with its value.
type member struct {
	key  string
	from int
	*value
}

// deepest is how many objects and lists may be in each other; the schema has
// four.
const deepest = 32

// errJSON is a mistake in JSON that was recorded.
var errJSON = errors.New("not JSON")

// parse reads the file as JSON.
func (f *file) parse() (*value, error) {
	fail := func(at int, message, hint string) (*value, error) {
		f.at(at, message, hint)
		return nil, f.failure()
	}
	switch {
	case len(f.data) > MaxFile:
		return fail(0, fmt.Sprintf("has %d bytes, at most %d", len(f.data), MaxFile), "")
	case bytes.HasPrefix(f.data, []byte("\xef\xbb\xbf")):
		return fail(0, "begins with a byte order mark", "save it as UTF-8 without one")
	case !utf8.Valid(f.data):
		return fail(0, "is not UTF-8", "")
	}
	p := &parser{file: f, decoder: json.NewDecoder(bytes.NewReader(f.data))}
	p.decoder.UseNumber()
	root, err := p.value("", 0)
	if err == nil {
		at := p.begin()
		if _, end := p.decoder.Token(); !errors.Is(end, io.EOF) {
			f.at(at, "there is something after the end of the JSON value", "")
			err = errJSON
		}
	}
	if err != nil || len(f.problems) > 0 {
		return nil, f.failure()
	}
	f.root = root
	return root, nil
}

type parser struct {
	file    *file
	decoder *json.Decoder
}

// begin returns where the next token begins.
func (p *parser) begin() int {
	i := int(p.decoder.InputOffset())
	for i < len(p.file.data) && strings.IndexByte(" \t\r\n,:", p.file.data[i]) >= 0 {
		i++
	}
	return i
}

// token returns the next token, and records a mistake.
func (p *parser) token() (json.Token, int, error) {
	at := p.begin()
	t, err := p.decoder.Token()
	if err == nil {
		return t, at, nil
	}
	message := "is not JSON: it ends too early"
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) && at < len(p.file.data) {
		// The decoder may quote what it reads, but one character only.
		message = "is not JSON: " + syntax.Error()
		at = max(at, min(int(syntax.Offset)-1, len(p.file.data)-1))
	}
	p.file.at(at, message, "")
	return nil, at, errJSON
}

func (p *parser) value(path string, depth int) (*value, error) {
	t, at, err := p.token()
	if err != nil {
		return nil, err
	}
	if depth > deepest {
		p.file.at(at, fmt.Sprintf("more than %d objects and lists in each other", deepest), "")
		return nil, errJSON
	}
	v := &value{path: path, from: at}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			v.kind = "object"
			err = p.members(v, depth)
		} else {
			v.kind = "list"
			err = p.elements(v, depth)
		}
	case string:
		v.kind, v.text = "string", t
	case json.Number:
		v.kind, v.text = "number", t.String()
	case bool:
		v.kind, v.text = "bool", fmt.Sprint(t)
	default:
		v.kind, v.text = "null", "null"
	}
	v.to = int(p.decoder.InputOffset())
	return v, err
}

func (p *parser) members(v *value, depth int) error {
	first := map[string]int{}
	for p.decoder.More() {
		t, at, err := p.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			p.file.at(at, "is not JSON: a key is no string", "")
			return errJSON
		}
		inner, err := p.value(below(v.path, key), depth+1)
		if err != nil {
			return err
		}
		if before, twice := first[key]; twice {
			p.file.at(at, inner.path+": the key is there twice", "the first is at "+p.file.position(before).String())
			continue
		}
		first[key] = at
		v.members = append(v.members, member{key, at, inner})
	}
	_, _, err := p.token()
	return err
}

func (p *parser) elements(v *value, depth int) error {
	for p.decoder.More() {
		inner, err := p.value(fmt.Sprintf("%s[%d]", v.path, len(v.elements)), depth+1)
		if err != nil {
			return err
		}
		v.elements = append(v.elements, inner)
	}
	_, _, err := p.token()
	return err
}

// below is the path of a key: quoted where it is no plain word.
func below(path, key string) string {
	plain := key != "" && len(key) <= 60 && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$-") == ""
	if !plain {
		if r := []rune(key); len(r) > 60 {
			key = string(r[:57]) + "…"
		}
		return path + fmt.Sprintf("[%q]", key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// position converts an offset.
func (f *file) position(offset int) environments.Position {
	before := f.data[:min(offset, len(f.data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return environments.Position{
		File: f.name, Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[start:]) + 1,
	}
}

// at records a problem at an offset.
func (f *file) at(offset int, message, hint string) {
	f.problems = append(f.problems, environments.Problem{Position: f.position(offset), Message: message, Hint: hint})
}

// problem records what is wrong with a value; key names a member of it that is
// meant, "" for itself.
func (f *file) problem(v *value, key, message, hint string) {
	path := v.path
	if key != "" {
		path = below(path, key)
	}
	if path != "" {
		message = path + ": " + message
	}
	f.at(v.from, message, hint)
}

// warn records what is left out.
func (f *file) warn(v *value, message string) {
	f.warnings = append(f.warnings, environments.Problem{Position: f.position(v.from), Message: v.path + ": " + message})
}

// masked returns the file with a star in the place of every character of a
// string or number that is not known to be none of a secret.
func (f *file) masked() []byte {
	out := bytes.Clone(f.data)
	f.root.mask(out)
	runes := make([]byte, 0, len(out))
	for i := 0; i < len(out); {
		if out[i] != hidden {
			runes = append(runes, out[i])
			i++
			continue
		}
		_, size := utf8.DecodeRune(f.data[i:])
		runes = append(runes, '*')
		i += size
	}
	return runes
}

// hidden marks bytes of a secret; it is in no text that is UTF-8.
const hidden = 0xff

func (v *value) mask(out []byte) {
	for _, m := range v.members {
		m.mask(out)
	}
	for _, e := range v.elements {
		e.mask(out)
	}
	from, to := v.from, v.to
	if v.kind == "string" {
		from, to = from+1, to-1 // without the quotes
	} else if v.kind != "number" {
		return
	}
	for i := from; i < to && !v.shown; i++ {
		out[i] = hidden
	}
}
