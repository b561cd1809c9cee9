package migrate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
)

// An object is a JSON object that is read by its keys. What is missing or of
// the wrong type is recorded, and reads as nothing.
type object struct {
	file *file
	*value
}

// A text is a string and where it was; the zero text was not given.
type text struct {
	string
	*value
}

// given reports whether the key was there.
func (t text) given() bool { return t.value != nil }

// A number is a whole number and where it was.
type number struct {
	n int
	*value
}

// object returns v as an object with these keys, or nil. Other keys are
// recorded.
func (f *file) object(v *value, keys ...string) *object {
	if v == nil {
		return nil
	}
	if v.kind != "object" {
		f.problem(v, "", "got "+article(v.kind)+", want an object", "")
		return nil
	}
	o := &object{f, v}
	for _, m := range v.members {
		known := false
		for _, k := range keys {
			known = known || k == m.key
		}
		if !known {
			o.unknown(m, keys)
		}
	}
	return o
}

// article is the kind of a value in a sentence.
func article(kind string) string {
	switch kind {
	case "null":
		return "null"
	case "object":
		return "an object"
	}
	return "a " + kind
}

// unknown records a key that 0.1.0 would have ignored.
func (o *object) unknown(m member, keys []string) {
	message := m.path + ": 0.1.0 has no such key and ignored it"
	hint := "it knows " + strings.Join(keys, ", ")
	if s := builtins.Suggest(m.key, keys); s != "" {
		message += fmt.Sprintf(" (did you mean %q?)", s)
		hint = ""
	}
	if m.path == "caddy" {
		message = "caddy: 0.1.0 has no such section and ignored it: what was to be https came out as plain http"
		hint = "the section is called https, and every service behind it has use_tls_proxy and a domain"
	}
	o.file.at(m.from, message, hint)
}

// get returns the value of a key; null is none.
func (o *object) get(key string, required bool) *value {
	if o == nil {
		return nil
	}
	for _, m := range o.members {
		if m.key != key {
			continue
		}
		if m.kind == "null" {
			if required {
				o.file.problem(m.value, "", "must not be null", "")
			}
			return nil
		}
		return m.value
	}
	if required {
		o.file.problem(o.value, key, "is missing", "")
	}
	return nil
}

func (o *object) typed(key, kind string, required bool) *value {
	v := o.get(key, required)
	if v != nil && v.kind != kind {
		o.file.problem(v, "", "got "+article(v.kind)+", want "+article(kind), "")
		return nil
	}
	return v
}

// text returns a string that may be shown.
func (o *object) text(key string, required bool) text {
	v := o.typed(key, "string", required)
	if v != nil {
		v.shown = true
	}
	return o.plain(v)
}

// secret returns a string that may not, and is never empty.
func (o *object) secret(key string, required bool) text {
	v := o.typed(key, "string", required)
	if v != nil && v.text == "" {
		o.file.problem(v, "", "must not be empty", "")
		return text{}
	}
	return o.plain(v)
}

func (o *object) plain(v *value) text {
	if v == nil {
		return text{}
	}
	if strings.IndexByte(v.text, 0) >= 0 {
		o.file.problem(v, "", "contains a NUL character", "")
		return text{}
	}
	return text{v.text, v}
}

// word is text that is not empty.
func (o *object) word(key string, required bool) text {
	t := o.text(key, required)
	if t.given() && t.string == "" {
		o.file.problem(t.value, "", "must not be empty", "")
		return text{}
	}
	return t
}

// number returns a whole number from lo to hi, preset where it is not given.
func (o *object) number(key string, required bool, preset, lo, hi int) number {
	v := o.typed(key, "number", required)
	if v == nil {
		return number{n: preset}
	}
	v.shown = true
	n, err := strconv.Atoi(v.text)
	if err != nil || n < lo || n > hi {
		o.file.problem(v, "", fmt.Sprintf("%s is no whole number from %d to %d", cut(v.text), lo, hi), "")
		return number{n: preset}
	}
	return number{n, v}
}

// flag returns a boolean, false where it is not given.
func (o *object) flag(key string, required bool) (bool, *value) {
	v := o.typed(key, "bool", required)
	return v != nil && v.text == "true", v
}

// list returns the elements of a list.
func (o *object) list(key string, required bool) []*value {
	if v := o.typed(key, "list", required); v != nil {
		return v.elements
	}
	return nil
}

// section returns an object below.
func (o *object) section(key string, required bool, keys ...string) *object {
	v := o.get(key, required)
	if v == nil {
		return nil
	}
	return o.file.object(v, keys...)
}

// cut shortens what is quoted in messages.
func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "…"
	}
	return s
}
