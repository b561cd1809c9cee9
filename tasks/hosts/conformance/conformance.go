// Package conformance is the one suite of tests that every [hosts.Machine]
// passes. A test of an implementation calls [Run]; what the machine at hand
// cannot do (a container engine, systemd, a package source) is left out by
// its [Options], so that the same cases run on a machine on disk, on an sshd
// in a namespace and on a real virtual machine.
package conformance

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// Options say what the machine has.
type Options struct {
	Commands bool          // a Run really runs
	Accounts bool          // owners are real: user and group "nobody"/"nogroup" are known
	Kernel   bool          // sysctls of the network can be set; they are of this machine alone
	Nftables bool          // nft answers
	Systemd  bool          // systemd runs
	Revert   time.Duration // how long a firewall change waits for its confirmation, 0 = 2s; a slow machine needs more to be asked meanwhile
	Packages []string
	Docker   bool
	Image    string // that can be pulled where there is Docker: runs a shell, has sleep
	Plain    string // the same without a health check of its own, "" = there is none

	// Without names groups that are left out: an emulated machine takes
	// minutes for what the same implementation passes elsewhere in seconds.
	Without []string
}

// An Opener returns a new handle of the one machine under test, which is
// closed when t ends.
type Opener func(t *testing.T) hosts.Machine

// A suite is what a case works with.
type suite struct {
	open    Opener
	options Options
}

// Run runs every case that options allow against the machine that open opens.
func Run(t *testing.T, open Opener, options Options) {
	s := &suite{open: open, options: options}
	for _, group := range []struct {
		name string
		on   bool
		run  func(t *testing.T, s *suite)
	}{
		{"files", true, files},
		{"directories", true, directories},
		{"moves", true, moves},
		{"secrets", true, secrets},
		{"system", true, system},
		{"manifest", true, manifest},
		{"releases", true, releases},
		{"locks", true, locks},
		{"failures", true, failures},
		{"commands", options.Commands, commands},
		{"kernel", options.Kernel, kernel},
		{"units", options.Systemd, units},
		{"packages", len(options.Packages) > 0, packages},
		{"firewall", options.Nftables && options.Systemd, firewall},
		{"docker", options.Docker, docker},
	} {
		if group.on && !slices.Contains(options.Without, group.name) {
			t.Run(group.name, func(t *testing.T) { group.run(t, s) })
		}
	}
}

// directory returns where a case may write, empty.
func (s *suite) directory(t *testing.T, m hosts.Machine) string {
	t.Helper()
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	dir := path.Join(hosts.StackDirectory, "conformance", name)
	must(t, m, hosts.Remove{Path: dir})
	t.Cleanup(func() {
		if !t.Failed() {
			must(t, m, hosts.Remove{Path: dir})
		}
	})
	return dir
}

// must applies operations and returns their results.
func must(t *testing.T, m hosts.Machine, operations ...hosts.Operation) []hosts.Result {
	t.Helper()
	results, err := m.Apply(background(), operations, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	if len(results) != len(operations) {
		t.Fatalf("apply returned %d results for %d operations", len(results), len(operations))
	}
	return results
}

// changes applies one operation twice: it changes something the first time
// and nothing the second time.
func changes(t *testing.T, m hosts.Machine, operation hosts.Operation) {
	t.Helper()
	if first := must(t, m, operation); !first[0].Changed {
		t.Errorf("%s: changed nothing the first time", operation.Step())
	}
	if second := must(t, m, operation); second[0].Changed {
		t.Errorf("%s: changed something the second time", operation.Step())
	}
}

// ask answers one query.
func ask[F hosts.Fact](t *testing.T, m hosts.Machine, q hosts.Query) F {
	t.Helper()
	facts, err := m.Observe(background(), []hosts.Query{q})
	if err != nil {
		t.Fatalf("observe %s: %v", q.Key(), err)
	}
	f, ok := hosts.Find[F](facts, q)
	if !ok {
		t.Fatalf("observe %s: no fact, got %v", q.Key(), facts)
	}
	return f
}

func equal[V any](t *testing.T, what string, got, want V) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}

// background is the context of calls that also run while a test cleans up.
func background() context.Context { return context.Background() }

// at asks for the fact of one file.
func at(t *testing.T, m hosts.Machine, name string) *hosts.FileFact {
	t.Helper()
	return ask[*hosts.FileFact](t, m, hosts.FileQuery{Path: name})
}

// holds checks that a file has these bytes, both ways that there are to ask.
func holds(t *testing.T, m hosts.Machine, name string, content []byte) {
	t.Helper()
	same := ask[*hosts.FileFact](t, m, hosts.FileQuery{Path: name, Digest: sum(content)})
	if same.Type != "file" || !same.Same || same.Digest != sum(content) || same.Content != nil {
		t.Errorf("%q does not hold the wanted bytes: %s, same %v, digest %s, %d bytes sent",
			name, same.Type, same.Same, same.Digest, len(same.Content))
	}
	other := ask[*hosts.FileFact](t, m, hosts.FileQuery{Path: name, Digest: sum([]byte("something else"))})
	want := content[:min(len(content), 256<<10)]
	if other.Same || string(other.Content) != string(want) {
		t.Errorf("%q against other bytes: same %v, %d bytes sent, want %d", name, other.Same, len(other.Content), len(want))
	}
	equal(t, "size of "+name, other.Size, int64(len(content)))
}

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
