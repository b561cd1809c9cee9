package eval_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

// FuzzLoad evaluates arbitrary text. Whatever it is, Load returns: with an
// Environment, or with problems that have a file and a message.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(wrongDirectory, "*.txtar"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		if heavy.MatchString(file) {
			continue // slow, and TestWrong has them
		}
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name == "e.star" {
				f.Add(string(part.Data))
			}
		}
	}
	f.Add(thousand(true))
	f.Fuzz(func(t *testing.T, src string) {
		root := t.TempDir()
		write(t, root, "e.star", []byte(src))
		e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star", Deadline: 5 * time.Second})
		if err == nil {
			if e.ID == "" || e.Empty() {
				t.Errorf("an environment without id or content: %+v", e)
			}
			return
		}
		var wrong *eval.Error
		if !errors.As(err, &wrong) || len(wrong.Problems) == 0 {
			t.Fatalf("no problem of the file: %v", err)
		}
		for _, p := range wrong.Problems {
			if p.Message == "" || p.Position.File == "" {
				t.Errorf("a problem without a place or a message: %+v", p)
			}
			if strings.Contains(p.Message, "the evaluator failed") || strings.Contains(p.Message, "took longer") {
				t.Errorf("%s", problemText(err))
			}
		}
	})
}
