package eval_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"golang.org/x/tools/txtar"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

var update = flag.Bool("update", false, "rewrite the expected texts of testdata/wrong")

// heavy are the cases that need a processor of their own to be timed.
var heavy = regexp.MustCompile(`/(bomb|deep|loop)-[^/]*$`)

const wrongDirectory = "../../testdata/wrong"

// slowest is how long the answer to any wrong file may take.
const slowest = 5 * time.Second

// TestWrong evaluates every wrong file of testdata/wrong and compares the
// exact text of its problems. A case is a txtar archive whose entry file is
// e.star. Lines of its comment that start with a word and a colon prepare it:
//
//	entry: PATH            another entry file
//	params: KEY=VALUE …    the command line
//	mkdir: PATH            a directory
//	symlink: PATH TARGET   a symbolic link
//	generate: PATH "text" "repeated"*N …   a large or a binary file
func TestWrong(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(wrongDirectory, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 80 {
		t.Errorf("%d cases, want at least 80", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			if !heavy.MatchString(file) {
				t.Parallel()
			}
			wrongCase(t, file)
		})
	}
}

func wrongCase(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	o := prepare(t, root, archive)
	start := time.Now()
	_, err = eval.Load(context.Background(), o)
	if took := time.Since(start); took > slowest {
		t.Errorf("took %s, want less than %s", took, slowest)
	}
	got := problemText(err)
	want, rest := expected(archive)
	if got == want {
		return
	}
	if *update {
		archive.Files = append(rest, txtar.File{Name: "want", Data: []byte(got)})
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("problems differ:\n%s", udiff.Unified("want", "got", want, got))
}

// expected returns the expected text of a case and the files before it.
func expected(archive *txtar.Archive) (want string, rest []txtar.File) {
	n := len(archive.Files)
	if n == 0 || archive.Files[n-1].Name != "want" {
		return "", archive.Files
	}
	return string(archive.Files[n-1].Data), archive.Files[:n-1]
}

func problemText(err error) string {
	var e *eval.Error
	if errors.As(err, &e) {
		var b bytes.Buffer
		environments.WriteProblems(&b, e.Problems)
		return b.String()
	}
	return fmt.Sprintf("not a problem of the file: %v\n", err)
}

// prepare writes the files of a case and returns what to load.
func prepare(t *testing.T, root string, archive *txtar.Archive) eval.Options {
	o := eval.Options{Root: root, File: "e.star", Params: map[string]string{}}
	for _, f := range archive.Files {
		if f.Name != "want" {
			write(t, root, f.Name, f.Data)
		}
	}
	for line := range strings.Lines(string(archive.Comment)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		args := strings.Fields(rest)
		switch word {
		case "entry":
			o.File = args[0]
		case "params":
			for _, a := range args {
				k, v, _ := strings.Cut(a, "=")
				o.Params[k] = v
			}
		case "mkdir":
			if err := os.MkdirAll(filepath.Join(root, args[0]), 0o755); err != nil {
				t.Fatal(err)
			}
		case "symlink":
			if err := os.Symlink(args[1], filepath.Join(root, args[0])); err != nil {
				t.Fatal(err)
			}
		case "generate":
			name, pieces, _ := strings.Cut(rest, " ")
			write(t, root, name, generate(t, pieces))
		}
	}
	return o
}

func write(t testing.TB, root, name string, data []byte) {
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// generate builds text from quoted pieces, each with an optional *N.
func generate(t *testing.T, pieces string) []byte {
	var b bytes.Buffer
	for pieces = strings.TrimSpace(pieces); pieces != ""; pieces = strings.TrimSpace(pieces) {
		quoted, err := strconv.QuotedPrefix(pieces)
		if err != nil {
			t.Fatalf("generate: %v in %q", err, pieces)
		}
		pieces = pieces[len(quoted):]
		text, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatal(err)
		}
		count := 1
		if rest, ok := strings.CutPrefix(pieces, "*"); ok {
			number, after, _ := strings.Cut(rest, " ")
			if count, err = strconv.Atoi(number); err != nil {
				t.Fatal(err)
			}
			pieces = after
		}
		b.WriteString(strings.Repeat(text, count))
	}
	return b.Bytes()
}
