package migrate_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/starlark/layout"
	"github.com/torrust/tracker-deployer/starlark/migrate"
)

// problem returns the first problem of err.
func problem(t *testing.T, err error) environments.Problem {
	t.Helper()
	var e *eval.Error
	if !errors.As(err, &e) || len(e.Problems) == 0 {
		t.Fatalf("%v is no *eval.Error", err)
	}
	return e.Problems[0]
}

// What is no JSON is said with its place, and without a line of it: nobody
// knows what in it is a secret.
func TestNotJSON(t *testing.T) {
	for src, want := range map[string]string{
		"":                                     "f.json:1:1: is not JSON: it ends too early",
		"\xef\xbb\xbf{}":                       "f.json:1:1: begins with a byte order mark",
		"{\"a\": \"\xff\"}":                    "f.json:1:1: is not UTF-8",
		"{\n\"a\": 1,\n}":                      "f.json:3:1: is not JSON: invalid character '}' looking for beginning of object key string",
		"{} {}":                                "f.json:1:4: there is something after the end of the JSON value",
		"{\"é\": 1,\n \"é\": 2}":               `f.json:2:2: ["é"]: the key is there twice`,
		strings.Repeat("[", 100000):            "f.json:1:34: more than 32 objects and lists in each other",
		strings.Repeat(" ", migrate.MaxFile+1): "f.json:1:1: has 1048577 bytes, at most 1048576",
	} {
		_, err := migrate.Read("f.json", []byte(src))
		p := problem(t, err)
		if p.Error() != want || p.Source != "" {
			t.Errorf("%.30q: got %s with source %q, want %s", src, p.Error(), p.Source, want)
		}
	}
}

// FuzzRead reads anything: it never panics, says nothing of a secret, and what
// it takes comes out formatted.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("../../testdata/import/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(txtar.Parse(data).Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := migrate.Read("f.json", data)
		if err != nil {
			problem(t, err)
			return
		}
		r, err := s.Starlark(migrate.Options{Name: "x", ID: "x-1"})
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if again, err := layout.Format("x.star", r.Source); err != nil || !bytes.Equal(again, r.Source) {
			t.Errorf("it is not formatted (%v):\n%s", err, r.Source)
		}
	})
}
