package builtins

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func TestFormats(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"json", `{"b": [1, -2.5, true, null, "x"], "a": {"é": {}}}`, `{"b": [1, -2.5, True, None, "x"], "a": {"é": {}}}`},
		{"json", `{"n": 9223372036854775807, "f": 1e3}`, `{"n": 9223372036854775807, "f": 1000.0}`},
		{"toml", "b = 1\na = [1.5, 2.0]\nd = 2026-11-24\nt = 2026-11-24T10:00:00Z\nl = 10:30:00\n[x.y]\nz = 'q'\n[[s]]\nn = 0x1f\n",
			`{"a": [1.5, 2.0], "b": 1, "d": "2026-11-24", "l": "10:30:00", "s": [{"n": 31}], "t": "2026-11-24T10:00:00Z", "x": {"y": {"z": "q"}}}`},
		{"yaml", "b: 1\na: [yes, no, true, ~, 0x1f, 1.5, '1', 2026-11-24]\nx: &x {k: v}\ny: *x\ntext: |\n  two\n  lines\n",
			`{"b": 1, "a": ["yes", "no", True, None, 31, 1.5, "1", "2026-11-24"], "x": {"k": "v"}, "y": {"k": "v"}, "text": "two\nlines\n"}`},
		{"yaml", "", "{}"}, {"yaml", "# nothing\n", "{}"}, {"toml", "", "{}"},
	} {
		v, wrong := decoders["."+c.name]([]byte(c.text))
		if wrong != nil {
			t.Errorf("%s %q: %d:%d: %v", c.name, c.text, wrong.line, wrong.column, wrong)
			continue
		}
		if v.String() != c.want {
			t.Errorf("%s %q\ngot  %s\nwant %s", c.name, c.text, v, c.want)
		}
	}
}

// What is absurdly deep, or becomes absurdly large by aliases, is refused in
// little time and memory.
func TestConfigBombs(t *testing.T) {
	deep := func(open string) string { return strings.Repeat(open, maxConfig/len(open)) }
	aliases := "a0: &a0 [x, x]\n"
	for i := range 30 {
		n, m := string(rune('A'+i)), string(rune('A'+i-1))
		if i == 0 {
			m = "a0"
		}
		aliases += n + ": &" + n + " [*" + m + ", *" + m + "]\n"
	}
	for _, c := range []struct{ name, what, text string }{
		{"json", "lists", `{"a":` + deep("[")[:maxConfig-100]}, {"json", "dicts", deep(`{"a":`)},
		{"json", "deep and closed", `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}"},
		{"toml", "lists", "a = " + deep("[")[:maxConfig-100]}, {"toml", "tables", "a = " + deep("{a=")[:maxConfig-100]},
		{"toml", "keys", deep("a.")[:maxConfig-100] + "b = 1"},
		{"yaml", "lists", "a: " + deep("[")[:maxConfig-100]}, {"yaml", "sequences", deep("- ")}, {"yaml", "aliases", aliases},
	} {
		start := time.Now()
		if _, wrong := decoders["."+c.name]([]byte(c.text)); wrong == nil {
			t.Errorf("%s: %s are taken", c.name, c.what)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: %s took %s", c.name, c.what, took)
		}
	}
}

// FuzzFormats looks for a text on which a decoder panics, and for JSON that
// comes out otherwise than encoding/json has it.
func FuzzFormats(f *testing.F) {
	for _, s := range []string{`{"a": [1, {"b": null}]}`, "a = 1\n[b]\nc = [1, 2]\n", "a: &x [1]\nb: *x\n", "", "\xff", "{", "- a\n- b: {c: d}\n", "a: !!binary aGk=\n", "<<: {a: 1}\n", "a = 1979-05-27T07:32:00-08:00\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, decode := range decoders {
			stuck := time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("%s: no end with %q", name, data)) })
			v, wrong := decode(data)
			stuck.Stop()
			if (v == nil) == (wrong == nil) {
				t.Fatalf("%s: got %v and %v", name, v, wrong)
			}
			if wrong == nil && name == ".json" {
				sameJSON(t, data, v)
			}
		}
	})
}

func sameJSON(t *testing.T, data []byte, v starlark.Value) {
	budget := MaxText
	if strings.Contains(v.String(), "None") {
		return // has no encoding here
	}
	d, err := toData(v, 64, &budget)
	if err != nil {
		return
	}
	var want, got any
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatalf("not JSON for encoding/json: %v", err)
	}
	text, ok := environments.Value{Kind: environments.Encode, Format: "json", Data: &d}.Static()
	if !ok {
		t.Fatalf("%s has no text", v)
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) { // by value: -0 is 0
		t.Errorf("got %v, want %v", got, want)
	}
}
