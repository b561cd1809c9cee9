package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// project is a directory with what a vault needs.
type project struct {
	dir     string
	env     map[string]string
	notices []string
	stderr  bytes.Buffer
}

func newProject(t *testing.T) *project {
	t.Helper()
	return &project{dir: t.TempDir(), env: map[string]string{}}
}

func (p *project) options() vault.Options {
	return vault.Options{
		AgeFile:    filepath.Join(p.dir, "environments", "prod.age"),
		KnownHosts: filepath.Join(p.dir, "environments", "prod.known_hosts"),
		KeyFile:    filepath.Join(p.dir, "config", "age.key"),
		Directory:  p.dir,
		Getenv:     func(name string) (string, bool) { v, ok := p.env[name]; return v, ok },
		Stderr:     &p.stderr,
		Notice:     func(text string) { p.notices = append(p.notices, text) },
	}
}

func (p *project) open(t *testing.T) *vault.Vault {
	t.Helper()
	v, err := vault.Open(p.options())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (p *project) files(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(p.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(p.dir, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func generate(name string, length int) environments.Secret {
	return environments.Secret{Declared: environments.Declared{Name: name}, Generate: true, Length: length}
}

func TestOpeningAndReadingCreatesNothing(t *testing.T) {
	p := newProject(t)
	v := p.open(t)
	if _, err := v.Value(t.Context(), generate("DB", 20), false); !errors.Is(err, vault.ErrNotGenerated) {
		t.Errorf("Value: %v, want ErrNotGenerated", err)
	}
	if _, err := v.MAC([]byte("x"), false); !errors.Is(err, vault.ErrNotGenerated) {
		t.Errorf("MAC: %v, want ErrNotGenerated", err)
	}
	if _, err := v.ClientKey("web", false); !errors.Is(err, vault.ErrNotGenerated) {
		t.Errorf("ClientKey: %v, want ErrNotGenerated", err)
	}
	if pins, err := v.Pins("web"); err != nil || pins != nil {
		t.Errorf("Pins: %v, %v", pins, err)
	}
	if err := errors.Join(v.Unpin("web"), v.Drop("web"), v.Purge()); err != nil {
		t.Error(err)
	}
	if files := p.files(t); len(files) != 0 {
		t.Errorf("files were made: %v", files)
	}
}

func TestGeneratedValuesStayAndAreReadByAnotherRun(t *testing.T) {
	p := newProject(t)
	want, err := p.open(t).Value(t.Context(), generate("DB", 20), true)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{19}$`).MatchString(want) {
		t.Errorf("value has the wrong shape (%d characters)", len(want))
	}
	v := p.open(t)
	got, err := v.Value(t.Context(), generate("DB", 20), false)
	if err != nil || got != want {
		t.Errorf("another run got a different value (%v)", err)
	}
	if !slices.Equal(v.Values(), []string{want}) {
		t.Errorf("Values lists %d values, want this one", len(v.Values()))
	}
	if len(p.notices) != 1 || !strings.Contains(p.notices[0], "keep a copy") {
		t.Errorf("notices: %q", p.notices)
	}
	if other, _ := v.Value(t.Context(), generate("OTHER", 20), true); other == want {
		t.Error("two secrets have one value")
	}
	sealed, _ := os.ReadFile(p.options().AgeFile)
	if bytes.Contains(sealed, []byte(want)) || bytes.Contains(sealed, []byte(`"DB"`)) {
		t.Error("the age file is readable")
	}
	for _, path := range []string{p.options().AgeFile, p.options().KeyFile} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

func TestPasswordsUseTheWholeAlphabetAndStartWithALetter(t *testing.T) {
	p := newProject(t)
	v := p.open(t)
	long, err := v.Value(t.Context(), generate("LONG", 5000), true)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[rune]int{}
	for _, c := range long {
		counts[c]++
	}
	for c, n := range counts {
		// 5000/62 = 81 expected; 9 standard deviations away is a bug.
		if n < 10 || n > 160 {
			t.Errorf("%q came %d times", c, n)
		}
	}
	if len(counts) != 62 {
		t.Errorf("%d different characters, want 62", len(counts))
	}
	one, err := v.Value(t.Context(), generate("ONE", 1), true)
	if err != nil || !regexp.MustCompile(`^[A-Za-z]$`).MatchString(one) {
		t.Errorf("one character: %v", err)
	}
	if _, err := v.Value(t.Context(), generate("BAD", -1), true); err == nil {
		t.Error("length -1 was accepted")
	}
	if d, err := v.Value(t.Context(), generate("DEFAULT", 0), true); err != nil || len(d) != 32 {
		t.Errorf("default length %d (%v)", len(d), err)
	}
}

func TestValuesFromOutside(t *testing.T) {
	named := func(s environments.Secret) environments.Secret {
		s.Name = "TOKEN"
		return s
	}
	tests := map[string]struct {
		secret environments.Secret
		env    map[string]string
		want   string
		err    string // part of the error
	}{
		"its own variable":     {environments.Secret{}, map[string]string{"TOKEN": "a b\n"}, "a b\n", ""},
		"a named variable":     {environments.Secret{Env: "OTHER"}, map[string]string{"OTHER": "v"}, "v", ""},
		"unset":                {environments.Secret{Env: "OTHER"}, nil, "", `secret "TOKEN": environment variable OTHER is not set`},
		"empty":                {environments.Secret{}, map[string]string{"TOKEN": ""}, "", "TOKEN is not set"},
		"command, one newline": {environments.Secret{Command: []string{"printf", "s3cret\n\n"}}, nil, "s3cret\n", ""},
		"command in directory": {environments.Secret{Command: []string{"cat", "pass"}}, nil, "from file", ""},
		"command fails":        {environments.Secret{Command: []string{"sh", "-c", "echo s3cret; echo oops >&2; exit 3"}}, nil, "", `command "sh": exit status 3`},
		"command is silent":    {environments.Secret{Command: []string{"true"}}, nil, "", "printed nothing"},
		"command is not there": {environments.Secret{Command: []string{"no-such-program"}}, nil, "", "not found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			p.env = test.env
			if err := os.WriteFile(filepath.Join(p.dir, "pass"), []byte("from file\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := p.open(t).Value(t.Context(), named(test.secret), true)
			switch {
			case test.err == "" && err != nil:
				t.Fatal(err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Fatalf("error %v, want one with %q", err, test.err)
			case err != nil && strings.Contains(err.Error(), "s3cret"):
				t.Fatalf("the error contains the secret: %v", err)
			case got != test.want:
				t.Fatalf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestMissingVariableIsTypedWithAHint(t *testing.T) {
	_, err := newProject(t).open(t).Value(t.Context(), environments.Secret{Declared: environments.Declared{Name: "TOKEN"}}, true)
	var missing *vault.MissingError
	if !errors.As(err, &missing) || missing.Env != "TOKEN" || !strings.Contains(missing.Hint(), "TOKEN=") {
		t.Errorf("got %#v", err)
	}
}

func TestACommandRunsOnce(t *testing.T) {
	p := newProject(t)
	v := p.open(t)
	secret := environments.Secret{Command: []string{"sh", "-c", "echo x >> count; wc -l < count; echo asked >&2"}}
	secret.Name = "S"
	for range 3 {
		got, err := v.Value(context.Background(), secret, false)
		if err != nil || strings.TrimSpace(got) != "1" {
			t.Fatalf("run %q, %v", got, err)
		}
	}
	if p.stderr.String() != "asked\n" {
		t.Errorf("standard error %q did not reach the operator once", p.stderr.String())
	}
}

func TestAWrongKeyAMissingKeyAndABrokenFile(t *testing.T) {
	p := newProject(t)
	if _, err := p.open(t).Value(t.Context(), generate("DB", 20), true); err != nil {
		t.Fatal(err)
	}
	good, _ := os.ReadFile(p.options().KeyFile)
	other := newProject(t)
	if _, err := other.open(t).Value(t.Context(), generate("DB", 20), true); err != nil {
		t.Fatal(err)
	}
	wrong, _ := os.ReadFile(other.options().KeyFile)

	check := func(t *testing.T, want string, missing bool) {
		t.Helper()
		before, _ := os.ReadFile(p.options().AgeFile)
		for _, create := range []bool{false, true} {
			_, err := p.open(t).Value(t.Context(), generate("NEW", 20), create)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("create %v: error %v, want one with %q", create, err, want)
			}
			var key *vault.KeyError
			if errors.As(err, &key) && (key.Missing != missing || key.Hint() == "") {
				t.Errorf("got %#v", key)
			}
		}
		if after, _ := os.ReadFile(p.options().AgeFile); !bytes.Equal(before, after) {
			t.Error("the age file was changed")
		}
	}
	t.Run("wrong", func(t *testing.T) {
		os.WriteFile(p.options().KeyFile, wrong, 0o600)
		check(t, "was made for other keys", false)
	})
	t.Run("missing", func(t *testing.T) {
		os.Remove(p.options().KeyFile)
		check(t, "there is no key file", true)
		if _, err := os.Stat(p.options().KeyFile); err == nil {
			t.Error("a new key was made although the old one is needed")
		}
	})
	t.Run("garbage", func(t *testing.T) {
		os.WriteFile(p.options().KeyFile, []byte("AGE-SECRET-KEY-1HUSH\n"), 0o600)
		check(t, "not a file of age keys", false)
		_, err := p.open(t).MAC(nil, true)
		if strings.Contains(err.Error(), "HUSH") {
			t.Errorf("the error quotes the key file: %v", err)
		}
	})
	t.Run("added", func(t *testing.T) {
		os.WriteFile(p.options().KeyFile, append(slices.Clone(wrong), good...), 0o600)
		if _, err := p.open(t).Value(t.Context(), generate("DB", 20), false); err != nil {
			t.Error(err)
		}
		// The next write is for both keys.
		if _, err := p.open(t).Value(t.Context(), generate("NEW", 20), true); err != nil {
			t.Error(err)
		}
		os.WriteFile(p.options().KeyFile, wrong, 0o600)
		if _, err := p.open(t).Value(t.Context(), generate("NEW", 20), false); err != nil {
			t.Error(err)
		}
	})
	t.Run("torn", func(t *testing.T) {
		sealed, _ := os.ReadFile(p.options().AgeFile)
		os.WriteFile(p.options().AgeFile, sealed[:len(sealed)-5], 0o600)
		check(t, "prod.age", false)
	})
}

func TestMACIsKeyedAndStays(t *testing.T) {
	p, q := newProject(t), newProject(t)
	first, err := p.open(t).MAC([]byte("data"), true)
	if err != nil || len(first) != 64 {
		t.Fatalf("%q, %v", first, err)
	}
	if again, err := p.open(t).MAC([]byte("data"), false); err != nil || again != first {
		t.Errorf("again %q, %v", again, err)
	}
	if other, _ := p.open(t).MAC([]byte("date"), false); other == first {
		t.Error("different data, same digest")
	}
	if other, _ := q.open(t).MAC([]byte("data"), true); other == first {
		t.Error("different environment, same digest")
	}
}

func TestDropForgetsOneHostAndPurgeAll(t *testing.T) {
	p := newProject(t)
	v := p.open(t)
	web, err := v.ClientKey("web", true)
	if err != nil || web.PublicKey().Type() != "ssh-ed25519" {
		t.Fatal(err)
	}
	db, err := v.ClientKey("db", true)
	if err != nil || bytes.Equal(web.PublicKey().Marshal(), db.PublicKey().Marshal()) {
		t.Fatalf("two hosts share a key (%v)", err)
	}
	if err := errors.Join(v.Pin("web", web.PublicKey()), v.Pin("db", db.PublicKey()), v.Drop("web")); err != nil {
		t.Fatal(err)
	}
	if _, err := v.ClientKey("web", false); !errors.Is(err, vault.ErrNotGenerated) {
		t.Errorf("the key of web is there: %v", err)
	}
	if pins, _ := v.Pins("web"); pins != nil {
		t.Error("web is pinned")
	}
	again, err := p.open(t).ClientKey("db", true)
	if err != nil || !bytes.Equal(again.PublicKey().Marshal(), db.PublicKey().Marshal()) {
		t.Errorf("db has another key (%v)", err)
	}
	if pins, _ := v.Pins("db"); len(pins) != 1 {
		t.Error("db is not pinned")
	}
	if err := v.Purge(); err != nil {
		t.Fatal(err)
	}
	if files := p.files(t); !slices.Equal(files, []string{"config/age.key"}) {
		t.Errorf("left: %v", files)
	}
}

func TestAllFilesInOneDirectory(t *testing.T) {
	p := newProject(t)
	options := p.options()
	options.KeyFile = filepath.Join(p.dir, "link", "age.key")
	os.MkdirAll(filepath.Join(p.dir, "environments"), 0o755)
	if err := os.Symlink("environments", filepath.Join(p.dir, "link")); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := v.Value(ctx, generate("DB", 20), true); err != nil {
		t.Error(err)
	}
}
