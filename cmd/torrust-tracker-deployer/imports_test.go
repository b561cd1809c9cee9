package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/torrust/tracker-deployer/"

// A rule is what a package may import beside the pure part of the standard
// library.
type rule struct {
	ours    string // packages of this module, exactly
	third   string // others, by prefix
	effects string // packages of the standard library that reach outside, exactly
}

// effects are the packages of the standard library that reach outside.
var effects = strings.Fields("os os/exec os/signal os/user net net/http net/rpc net/smtp syscall unsafe plugin")

// allowed is the architecture: everything left of environments is evaluation,
// nothing right of it has heard of Starlark; adapters (tasks/providers,
// tasks/hosts) never import each other, nor does tasks/deploy import one. A
// new package is put here by hand, so that growth is a decision.
var allowed = map[string]rule{
	"environments": {third: "github.com/pelletier/go-toml/v2 go.yaml.in/yaml/v3"},
	"templates":    {},
	"builtins":     {ours: "environments", third: "go.starlark.net/ github.com/pelletier/go-toml/v2 go.yaml.in/yaml/v3"},

	"starlark/eval": {ours: "builtins environments starlark/lib", third: "go.starlark.net/ github.com/bmatcuk/doublestar/v4", effects: "os"},
	"starlark/lib":  {},

	"starlark/layout":    {ours: "environments starlark/eval", third: "go.starlark.net/ github.com/bazelbuild/buildtools/build"},
	"starlark/lint":      {ours: "builtins environments starlark/eval", third: "go.starlark.net/"},
	"starlark/migrate":   {ours: "builtins environments starlark/eval starlark/layout", third: "go.starlark.net/"},
	"starlark/reference": {ours: "builtins starlark/eval", third: "go.starlark.net/"},

	"tasks":        {ours: "environments tasks/cache tasks/hosts", third: "golang.org/x/sync/ golang.org/x/sys/unix", effects: "os"},
	"tasks/cache":  {third: "golang.org/x/sys/unix", effects: "os"},
	"tasks/memo":   {ours: "tasks/cache", effects: "os"},
	"tasks/deploy": {ours: "environments tasks tasks/cache tasks/hosts templates", third: "github.com/aymanbagabas/go-udiff go.yaml.in/yaml/v3"},
	"tasks/composefile": {
		third: "github.com/compose-spec/compose-go/v2/ github.com/distribution/reference go.yaml.in/yaml/v3",
	},
	"tasks/probes": {ours: "environments tasks tasks/hosts", effects: "net net/http os syscall"},

	"tasks/diagram":  {ours: "environments tasks"},
	"tasks/watching": {ours: "tasks/cache", third: "github.com/fsnotify/fsnotify github.com/bmatcuk/doublestar/v4", effects: "os syscall"},

	"tasks/hosts":             {effects: "net"}, // the type of a connection
	"tasks/hosts/conformance": {ours: "tasks/hosts"},
	"tasks/hosts/remote":      {ours: "tasks/hosts", third: "golang.org/x/crypto/ssh", effects: "net os os/user syscall"},
	"tasks/hosts/simulated":   {ours: "tasks/hosts", third: "go.yaml.in/yaml/v3", effects: "net os os/exec syscall"},

	"tasks/providers/existing": {ours: "environments tasks", effects: "net"},
	"tasks/providers/qemu": {
		ours:    "environments tasks tasks/vault/durable templates",
		third:   "golang.org/x/crypto/ssh golang.org/x/sys/unix github.com/diskfs/go-diskfs/",
		effects: "net net/http os os/exec syscall",
	},
	"tasks/providers/simulated": {ours: "environments tasks tasks/vault/durable", effects: "os syscall"},

	"tasks/vault":         {ours: "environments tasks/vault/durable", third: "filippo.io/age golang.org/x/crypto/ssh", effects: "os os/exec"},
	"tasks/vault/durable": {third: "golang.org/x/sys/unix", effects: "os"},

	"cmd/torrust-tracker-deployer": {
		ours: "builtins environments starlark/eval starlark/layout starlark/lint starlark/migrate starlark/reference tasks tasks/deploy tasks/diagram tasks/hosts tasks/hosts/remote tasks/hosts/simulated" +
			" internal/check tasks/cache tasks/composefile tasks/memo tasks/probes tasks/providers/existing tasks/providers/qemu tasks/providers/simulated tasks/vault tasks/vault/durable tasks/watching",
		third: "github.com/spf13/cobra github.com/sirupsen/logrus github.com/charmbracelet/x/ansi github.com/aymanbagabas/go-udiff" +
			" golang.org/x/crypto/ssh golang.org/x/term",
		effects: "net os os/exec os/signal syscall",
	},

	// The world around the program, for the demo, the tests and the bench.
	"internal/lab": {
		third:   "github.com/google/go-containerregistry/ golang.org/x/crypto/ssh golang.org/x/sync/ golang.org/x/sys/unix",
		effects: "net net/http os os/exec syscall",
	},
	"internal/lab/grafana13":     {third: "go.yaml.in/yaml/v3", effects: "net net/http os os/signal syscall"},
	"internal/lab/trackerconfig": {third: "github.com/pelletier/go-toml/v2 github.com/santhosh-tekuri/jsonschema/v6"},
	"internal/lab/tracker3": {
		ours: "internal/lab/trackerconfig", third: "github.com/go-sql-driver/mysql github.com/pelletier/go-toml/v2", effects: "net net/http",
	},
	"internal/lab/tracker3/standin": {ours: "internal/lab/tracker3", effects: "net/http os os/exec os/signal syscall"},
	"internal/adversary":            {effects: "os os/exec syscall"},
	"internal/canary":               {effects: "os"},
	"internal/check": {
		ours:    "environments starlark/eval tasks/hosts/simulated tasks/vault/durable",
		third:   "github.com/aymanbagabas/go-udiff github.com/rogpeppe/go-internal/",
		effects: "os",
	},
	"internal/ptrace":           {third: "golang.org/x/sys/unix", effects: "os os/exec syscall unsafe"},
	"internal/stack":            {},
	"internal/ptrace/exectrace": {ours: "internal/ptrace", effects: "os os/exec"},

	"internal/demo":  {ours: "internal/lab", effects: "net net/http os os/exec"},
	"internal/bench": {ours: "internal/adversary internal/lab", effects: "net os os/exec os/signal syscall"},
	".":              {ours: "internal/lab internal/demo internal/bench", third: "github.com/magefile/mage/ golang.org/x/sync/errgroup", effects: "os os/exec net net/http"},
}

// TestImports checks every import of every package against the table. It
// reads files through os, so that a new package is noticed by the test cache.
func TestImports(t *testing.T) {
	root := projectRoot(t)
	seen := map[string]bool{}
	for _, file := range goFiles(t, root) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		pkg := filepath.ToSlash(filepath.Dir(file))
		seen[pkg] = true
		r, ok := allowed[pkg]
		if !ok {
			t.Errorf("%s: package %q is not in the table: decide what it may import", file, pkg)
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !r.permits(path) {
				t.Errorf("%s: package %s may not import %q", file, pkg, path)
			}
		}
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("package %q is in the table and not in the tree", pkg)
		}
	}
}

func (r rule) permits(path string) bool {
	if ours, ok := strings.CutPrefix(path, module); ok {
		return slices.Contains(strings.Fields(r.ours), ours)
	}
	first, _, _ := strings.Cut(path, "/")
	if strings.Contains(first, ".") {
		return slices.ContainsFunc(strings.Fields(r.third), func(prefix string) bool {
			return path == strings.TrimSuffix(prefix, "/") || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
		})
	}
	return !slices.Contains(effects, path) || slices.Contains(strings.Fields(r.effects), path)
}

// TestRule makes sure that the table would notice.
func TestRule(t *testing.T) {
	r := rule{ours: "tasks/hosts", third: "go.starlark.net/ golang.org/x/term", effects: "os"}
	for path, want := range map[string]bool{
		module + "tasks/hosts":        true,
		module + "tasks/hosts/remote": false,
		module + "tasks":              false,
		"go.starlark.net/syntax":      true,
		"golang.org/x/term":           true,
		"golang.org/x/terminal":       false,
		"github.com/sirupsen/logrus":  false,
		"os":                          true,
		"os/exec":                     false,
		"net":                         false,
		"net/netip":                   true,
		"strings":                     true,
	} {
		if got := r.permits(path); got != want {
			t.Errorf("permits(%q) = %v", path, got)
		}
	}
}

func projectRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return root
}

// goFiles returns the Go files of the project, relative to its root.
func goFiles(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := e.Name()
		if e.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return fs.SkipDir
		}
		if !e.IsDir() && strings.HasSuffix(name, ".go") {
			rel, err := filepath.Rel(root, path)
			files = append(files, rel)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
