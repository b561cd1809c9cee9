package builtins

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

// MaxText is the size in bytes of the largest text that a built-in takes.
const MaxText = 16 << 20

// A converter checks an argument and returns its Go value, nil for None where
// None is taken.
type converter struct {
	name    string // as shown by help
	convert func(starlark.Value) (any, error)
}

// want says that v is not of the wanted type; an invalid handle is not
// complained about again.
func want(v starlark.Value, wanted string) error {
	switch v := v.(type) {
	case Invalid:
		return errInvalid
	case *Deferred:
		return misfitf("got %s, which %s, want %s", v.describe(), v.reason(), wanted).withHint("this has to be known while the file is evaluated")
	}
	return misfitf("got %s, want %s", TypeName(v), wanted)
}

// TypeName returns what messages call the type of v.
func TypeName(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.NoneType:
		return "None"
	case *starlark.Builtin, *starlark.Function:
		return "function"
	case starlark.String:
		return "string"
	default:
		return v.Type()
	}
}

// text takes a string that is known now.
func text() converter {
	return converter{"string", func(v starlark.Value) (any, error) {
		s, ok := v.(starlark.String)
		if !ok {
			return nil, want(v, "string")
		}
		return checkText(string(s))
	}}
}

// isText reports whether checkText takes s.
func isText(s string) bool {
	return len(s) <= MaxText && strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

func checkText(s string) (any, error) {
	if len(s) > MaxText {
		return nil, misfitf("%d bytes of text, at most %d (16 MiB)", len(s), MaxText)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return nil, misfitf("the text contains a NUL byte")
	}
	if !utf8.ValidString(s) {
		return nil, misfitf("the text is not UTF-8")
	}
	return s, nil
}

// filled takes a string that is not empty.
func filled() converter {
	return checked(text(), "string", func(s string) error {
		if s == "" {
			return misfitf("must not be empty")
		}
		return nil
	})
}

// checked adds a check to a converter whose values are of type T.
func checked[T any](c converter, name string, check func(T) error) converter {
	return converter{name, func(v starlark.Value) (any, error) {
		x, err := c.convert(v)
		if err != nil {
			return nil, err
		}
		if err := check(x.(T)); err != nil {
			return nil, err
		}
		return x, nil
	}}
}

// matching takes a string that a regular expression matches whole.
func matching(name, expression, rule string) converter {
	re := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + expression + `)$`) })
	return checked(text(), name, func(s string) error {
		if !re().MatchString(s) {
			return misfitf("%s is not %s", quote(s), rule)
		}
		return nil
	})
}

// quote quotes what the user wrote, cut to a readable length.
func quote(s string) string {
	if utf8.RuneCountInString(s) > 60 {
		return fmt.Sprintf("%q…", string([]rune(s)[:57]))
	}
	return fmt.Sprintf("%q", s)
}

// name takes the name of a resource.
func name() converter {
	return checked(text(), "name", func(s string) error {
		if len(s) > 40 {
			return misfitf("%s has %d characters, at most 40", quote(s), utf8.RuneCountInString(s))
		}
		if !isLabel(s) {
			return misfitf("%s is not a name", quote(s)).withHint("lower-case letters, digits and -, first a letter, last no -")
		}
		return nil
	})
}

// isLabel reports whether s is a label of RFC 1035 in lower case.
func isLabel(s string) bool {
	for i := 0; i < len(s); i++ {
		letter, digit := s[i] >= 'a' && s[i] <= 'z', s[i] >= '0' && s[i] <= '9'
		if !letter && (i == 0 || !digit && (s[i] != '-' || i == len(s)-1)) {
			return false
		}
	}
	return s != ""
}

// choice takes one of some strings.
func choice(options ...string) converter {
	quoted := make([]string, len(options))
	for i, o := range options {
		quoted[i] = fmt.Sprintf("%q", o)
	}
	wanted := strings.Join(quoted, " or ")
	return checked(text(), wanted, func(s string) error {
		for _, o := range options {
			if s == o {
				return nil
			}
		}
		return misfitf("got %s, want %s%s", quote(s), wanted, meant(s, options))
	})
}

// integer takes a whole number from lo to hi.
func integer(lo, hi int) converter {
	return converter{"int", func(v starlark.Value) (any, error) {
		n, ok := v.(starlark.Int)
		if !ok {
			return nil, want(v, "int")
		}
		i, small := n.Int64()
		if !small || i < int64(lo) || i > int64(hi) {
			return nil, misfitf("%s is out of range, want %s", quoteInt(n), span(lo, hi))
		}
		return int(i), nil
	}}
}

func quoteInt(n starlark.Int) string {
	if _, small := n.Int64(); !small {
		return "the number"
	}
	return n.String()
}

func span(lo, hi int) string {
	if hi == math.MaxInt {
		return fmt.Sprintf("%d or more", lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}

// port takes a port number.
func port() converter { return integer(1, 65535) }

// boolean takes True or False.
func boolean() converter {
	return converter{"bool", func(v starlark.Value) (any, error) {
		b, ok := v.(starlark.Bool)
		if !ok {
			return nil, want(v, "bool")
		}
		return bool(b), nil
	}}
}

// optional also takes None, which becomes nil.
func optional(c converter) converter {
	return converter{c.name + " or None", func(v starlark.Value) (any, error) {
		if v == starlark.None {
			return nil, nil
		}
		return c.convert(v)
	}}
}

// listOf takes a list or a tuple whose elements c takes as T.
func listOf[T any](c converter) converter { return listWith[T](c, nil) }

// listWith is listOf for a c that takes text as plain does. Words of commands
// are most of a large file; plain spares each a detour over the heap.
func listWith[T any](c converter, plain func(string) T) converter {
	wanted := "list of " + plural(c.name)
	return converter{wanted, func(v starlark.Value) (any, error) {
		seq, ok := v.(starlark.Indexable)
		if _, text := v.(starlark.String); !ok || text {
			return nil, want(v, wanted)
		}
		if _, other := v.(*starlark.List); !other {
			if _, tuple := v.(starlark.Tuple); !tuple {
				return nil, want(v, wanted)
			}
		}
		list := make([]T, 0, seq.Len())
		for i := range seq.Len() {
			v := seq.Index(i)
			if s, ok := v.(starlark.String); ok && plain != nil && isText(string(s)) {
				list = append(list, plain(string(s)))
				continue
			}
			x, err := c.convert(v)
			if err != nil {
				return nil, inside(err, element(i))
			}
			list = append(list, x.(T))
		}
		if len(list) == 0 {
			list = nil
		}
		return list, nil
	}}
}

// plural returns the plural of what a converter is called.
func plural(name string) string {
	if strings.Contains(name, ",") {
		return name
	}
	words := strings.Split(name, " or ")
	for i, w := range words {
		switch last := w[len(w)-1]; {
		case last == 'y':
			words[i] = w[:len(w)-1] + "ies"
		case last == 'x':
			words[i] = w + "es"
		case last >= 'a' && last <= 'z' && last != 's', last >= 'A' && last <= 'Z':
			words[i] = w + "s"
		}
	}
	return strings.Join(words, " or ")
}

// A keyed is an entry of a dictionary, in the order of the file.
type keyed[T any] struct {
	key   string
	value T
}

// dictOf takes a dictionary whose keys and values are taken as string and T.
func dictOf[T any](key, value converter) converter {
	wanted := "dict of " + plural(value.name)
	return converter{wanted, func(v starlark.Value) (any, error) {
		d, ok := v.(*starlark.Dict)
		if !ok {
			return nil, want(v, wanted)
		}
		var entries []keyed[T]
		for i, item := range d.Items() {
			k, err := key.convert(item[0])
			if err != nil {
				return nil, inside(err, step{text: "[key]", index: i, key: true})
			}
			x, err := value.convert(item[1])
			if err != nil {
				return nil, inside(err, entry(i, k.(string)))
			}
			entries = append(entries, keyed[T]{k.(string), x.(T)})
		}
		return entries, nil
	}}
}

// value takes a string or a deferred value.
func value() converter {
	return converter{"text, may be deferred", func(v starlark.Value) (any, error) {
		return toValue(v, "string")
	}}
}

// scalar also takes numbers and booleans, as their text.
func scalar() converter {
	return converter{"text, number or bool, may be deferred", func(v starlark.Value) (any, error) {
		switch v := v.(type) {
		case starlark.Int, starlark.Float:
			return environments.Text(v.String()), nil
		case starlark.Bool:
			return environments.Text(strings.ToLower(v.String())), nil
		}
		return toValue(v, "string, number or bool")
	}}
}

func toValue(v starlark.Value, wanted string) (any, error) {
	switch v := v.(type) {
	case starlark.String:
		s, err := checkText(string(v))
		if err != nil {
			return nil, err
		}
		return environments.Text(s.(string)), nil
	case *Deferred:
		return v.value, nil
	}
	return nil, want(v, wanted)
}

// public takes what value takes but no secret.
func public(reason string) converter {
	return checked(value(), "text, may be deferred, not secret", func(v environments.Value) error {
		if v.Secret() {
			return misfitf("a secret may not be here: %s", reason).withHint("hand it over as an environment variable or in a file")
		}
		return nil
	})
}

// argv takes a command as a list of its words, of which word takes any text.
func argv(word converter) converter {
	c := listWith(word, environments.Text)
	return converter{"list of words", func(v starlark.Value) (any, error) {
		if _, ok := v.(starlark.String); ok {
			return nil, misfitf("got string, want a list of words").withHint(`a command is a list such as ["ls", "-l"]; no shell reads it`)
		}
		x, err := c.convert(v)
		if err == nil && len(x.([]environments.Value)) == 0 {
			return nil, misfitf("the command is empty")
		}
		return x, err
	}}
}

// words takes a command whose words are known now.
func words() converter {
	c := listOf[string](filled())
	return converter{"list of words", func(v starlark.Value) (any, error) {
		if _, ok := v.(starlark.String); ok {
			return nil, misfitf("got string, want a list of words").withHint(`a command is a list such as ["ls", "-l"]; no shell reads it`)
		}
		x, err := c.convert(v)
		if err == nil && len(x.([]string)) == 0 {
			return nil, misfitf("the command is empty")
		}
		return x, err
	}}
}
