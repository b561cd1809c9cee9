package canary

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSearchFindsEveryEncoding hides a canary as programs do, behind and
// before other text of every length modulo three.
func TestSearchFindsEveryEncoding(t *testing.T) {
	c := Canary{"c", Value("one")}
	marshal := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for name, hide := range map[string]func(string) string{
		"raw":          func(s string) string { return s },
		"JSON":         marshal,
		"query":        url.QueryEscape,
		"path":         url.PathEscape,
		"base64":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"URL base64":   func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
		"raw base64":   func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
		"a URL's user": func(s string) string { return url.UserPassword("u", s).String() },
	} {
		for before := range 4 {
			for after := range 4 {
				text := hide(strings.Repeat("b", before) + c.Value + strings.Repeat("a", after))
				if len(Search([]byte("some text "+text+" more"), c)) == 0 {
					t.Errorf("%s behind %d and before %d bytes is not found: %s", name, before, after, text)
				}
				other := hide(strings.Repeat("b", before) + Value("two") + strings.Repeat("a", after))
				if hits := Search([]byte(other), c); len(hits) > 0 {
					t.Errorf("%s: another canary is taken for it: %v", name, hits)
				}
			}
		}
	}
}

// TestFormsDiffer makes sure that a canary is one that encodings change.
func TestFormsDiffer(t *testing.T) {
	if n := len(Forms(Value("x"))); n < 18 {
		t.Errorf("%d distinct forms of %q", n, Value("x"))
	}
	for _, f := range Forms("plain") {
		if f.Text == "" {
			t.Errorf("%s is empty", f.Name)
		}
	}
}

func TestTree(t *testing.T) {
	dir := t.TempDir()
	c := Canary{"c", Value("one")}
	for name, text := range map[string]string{
		"a/leak": "x" + c.Value, "a/clean": "nothing", "encoded": url.QueryEscape(c.Value), url.PathEscape(c.Value): "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Tree(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	want := "a/leak encoded " + url.PathEscape(c.Value)
	if got := strings.Join(Paths(found), " "); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	if found, err := Tree(filepath.Join(dir, "none"), c); err != nil || len(found) > 0 {
		t.Errorf("a missing directory: %v, %v", found, err)
	}
}
