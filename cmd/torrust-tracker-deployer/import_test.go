package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestImport imports the files of testdata/import. Those called wrong-… are
// refused with exactly the text that is there, and nothing is written. Of the
// others the warnings are there, and what render makes of the result is
// compared with what 0.1.0 would have rendered, see [upstream]. `go test
// -update` writes the texts.
func TestImport(t *testing.T) {
	files, err := filepath.Glob("../../testdata/import/*.txtar")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d cases (%v)", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := newImportCase(t, archive.Files[0].Data)
			var said string
			if strings.HasPrefix(name, "wrong-") {
				said = c.refused()
			} else {
				said = c.taken()
			}
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "want", Data: []byte(said)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if len(archive.Files) < 2 || string(archive.Files[1].Data) != said {
				t.Errorf("says\n%s", said)
			}
		})
	}
}

// An importCase is a project with a JSON file in it.
type importCase struct {
	*testing.T
	dir  string
	json []byte
}

func newImportCase(t *testing.T, json []byte) *importCase {
	c := &importCase{t, t.TempDir(), json}
	if err := os.WriteFile(filepath.Join(c.dir, "env.json"), json, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs the program in the project.
func (c *importCase) run(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, streams{
		In: strings.NewReader(""), Out: &stdout, Err: &stderr, Dir: c.dir,
		Getenv: func(name string) (string, bool) { return filepath.Join(c.dir, "home"), name == "HOME" },
	})
	return code, stdout.String(), stderr.String()
}

// refused imports what is refused and returns what was said.
func (c *importCase) refused() string {
	c.Helper()
	code, out, errs := c.run("import", "env.json")
	if code != exitUsage || out != "" {
		c.Errorf("exit code %d, want %d: %s", code, exitUsage, out)
	}
	left, err := os.ReadDir(c.dir)
	if err != nil || len(left) != 1 {
		c.Errorf("%v is there (%v), want the JSON alone", left, err)
	}
	for _, s := range secretsIn(c.json) {
		if strings.Contains(errs, s) {
			c.Errorf("the secret %q is in the message:\n%s", s, errs)
		}
	}
	return errs
}

// taken imports what is right, compares, and returns the warnings.
func (c *importCase) taken() string {
	c.Helper()
	code, out, errs := c.run("import", "env.json", "-o", "environments/imp.star")
	if code != exitDone {
		c.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	star := c.read("environments/imp.star")
	for _, s := range secretsIn(c.json) {
		if s != "admin" && strings.Contains(star+out+errs, s) {
			c.Errorf("the secret %q is in clear:\n%s%s%s", s, star, out, errs)
		}
	}
	if code, _, errs := c.run("fmt", "--check", "environments/imp.star"); code != exitDone {
		c.Errorf("it is not formatted: %s", errs)
	}
	if code, _, errs := c.run("render", "imp", "-o", "out", "--with-secrets"); code != exitDone {
		c.Fatalf("render: exit code %d: %s\n%s", code, errs, star)
	}
	c.compare()
	var warnings []string
	for line := range strings.Lines(errs) {
		if strings.HasPrefix(line, "warning: ") {
			warnings = append(warnings, line)
		}
	}
	return strings.Join(warnings, "")
}

func (c *importCase) read(name string) string {
	c.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.Fatal(err)
	}
	return string(data)
}

// A file and the secrets of an environment are never overwritten unasked.
func TestImportOverwritesNothing(t *testing.T) {
	archive, err := txtar.ParseFile("../../testdata/import/plain.txtar")
	if err != nil {
		t.Fatal(err)
	}
	c := newImportCase(t, archive.Files[0].Data)
	if code, _, errs := c.run("import", "env.json"); code != exitDone {
		t.Fatal(errs)
	}
	star, age := c.read("environments/prod.star"), c.read("environments/prod.age")
	unchanged := func(why string) {
		t.Helper()
		if c.read("environments/prod.age") != age {
			t.Errorf("%s: the secrets were written", why)
		}
	}
	if code, _, errs := c.run("import", "env.json"); code != exitUsage || !strings.Contains(errs, "environments/prod.star exists already") {
		t.Errorf("again: exit code %d: %s", code, errs)
	}
	unchanged("again")
	if err := os.Remove(filepath.Join(c.dir, "environments/prod.star")); err != nil {
		t.Fatal(err)
	}
	other := bytes.Replace(c.json, []byte("MyAccessToken"), []byte("AnotherToken"), 1)
	if err := os.WriteFile(filepath.Join(c.dir, "env.json"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := c.run("import", "env.json"); code != exitUsage || !strings.Contains(errs, `secret "TRACKER_ADMIN_TOKEN": environments/prod.age keeps another value`) {
		t.Errorf("another secret: exit code %d: %s", code, errs)
	}
	unchanged("another secret")
	if _, err := os.Stat(filepath.Join(c.dir, "environments/prod.star")); err == nil {
		t.Error("the file was written although its secrets were not")
	}
	if code, _, errs := c.run("import", "env.json", "--force"); code != exitDone {
		t.Errorf("--force: exit code %d: %s", code, errs)
	}
	if now := c.read("environments/prod.star"); now == star || c.read("environments/prod.age") == age {
		t.Error("--force wrote nothing")
	}
}
