package simulated_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/providers/simulated"
)

var _ tasks.Provider = (*simulated.Provider)(nil)

func host(name, dir string) environments.Host {
	h := environments.Host{SSHPort: 22, Provider: environments.Provider{Simulated: &environments.Simulated{Directory: dir}}}
	h.Name = name
	return h
}

func provider(root string) *simulated.Provider {
	return simulated.New(simulated.Config{Environment: "env-1", Root: root, Ports: func(string) []int { return []int{6969} }})
}

func state(t *testing.T, p *simulated.Provider, h environments.Host) tasks.Status {
	t.Helper()
	s, err := p.Status(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if (s.State == tasks.StateRunning) != (s.Reason == "") {
		t.Errorf("state %s with reason %q", s.State, s.Reason)
	}
	return s
}

func put(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, rel)
		}
		return nil
	})
	return out
}

func TestALife(t *testing.T) {
	root := t.TempDir()
	p, h := provider(root), host("web", "machines/web")
	if s := state(t, p, h); s.State != tasks.StateAbsent {
		t.Errorf("before: %+v", s)
	}
	if got := files(t, root); len(got) != 0 {
		t.Errorf("Status wrote %v", got)
	}
	var lines []string
	for range 2 {
		s, err := p.Ensure(t.Context(), h, func(l string) { lines = append(lines, l) })
		if err != nil || s.State != tasks.StateRunning || s.Address != "" {
			t.Fatalf("%+v, %v", s, err)
		}
		want := map[string]string{"port:22": "22", "port:6969": "6969", "ipv4": s.Outputs["ipv4"], "ipv6": s.Outputs["ipv6"]}
		if !maps.Equal(s.Outputs, want) || !strings.HasPrefix(want["ipv4"], "192.0.2.") || !strings.HasPrefix(want["ipv6"], "2001:db8::") {
			t.Errorf("outputs %v", s.Outputs)
		}
	}
	if len(lines) != 1 {
		t.Errorf("progress %q, want one line for the one start", lines)
	}
	for range 2 {
		if err := p.Stop(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	if s := state(t, p, h); s.State != tasks.StateStopped || s.Outputs != nil {
		t.Errorf("after Stop: %+v", s)
	}
	for range 2 {
		if err := p.Remove(t.Context(), h, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "machines/web")); err == nil {
		t.Error("the directory is still there")
	}
}

func TestDataIsKeptAndUsedAgain(t *testing.T) {
	root := t.TempDir()
	p, h := provider(root), host("web", "web")
	if _, err := p.Ensure(t.Context(), h, func(string) {}); err != nil {
		t.Fatal(err)
	}
	data := "root/opt/torrust-tracker-deployer/data/db/file"
	for _, f := range []string{data, "root/etc/hosts", "root/opt/torrust-tracker-deployer/compose.yaml", "root/opt/x", "state.json", "calls.log", "faults.json"} {
		put(t, filepath.Join(root, "web", f))
	}
	if err := p.Remove(t.Context(), h, true); err != nil {
		t.Fatal(err)
	}
	if got := files(t, filepath.Join(root, "web")); !slices.Equal(got, []string{"faults.json", "machine.json", data}) {
		t.Errorf("left %v", got)
	}
	if s := state(t, p, h); s.State != tasks.StateAbsent || !slices.Equal(s.Kept, []string{"data"}) {
		t.Errorf("after Remove: %+v", s)
	}
	// As a removal that was cut short would leave it.
	put(t, filepath.Join(root, "web/state.json"))
	if _, err := p.Ensure(t.Context(), h, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if got := files(t, filepath.Join(root, "web")); !slices.Equal(got, []string{"faults.json", "machine.json", data}) {
		t.Errorf("the new machine has %v", got)
	}
	if err := p.Remove(t.Context(), h, false); err != nil {
		t.Fatal(err)
	}
	if got := files(t, filepath.Join(root, "web")); !slices.Equal(got, []string{"faults.json"}) {
		t.Errorf("left %v, want what the test had put there", got)
	}
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "docs", "thesis.tex"))
	p := provider(root)
	if _, err := p.Ensure(t.Context(), host("web", "mine"), func(string) {}); err != nil {
		t.Fatal(err)
	}
	other := simulated.New(simulated.Config{Environment: "env-2", Root: root})
	for name, test := range map[string]struct {
		p    *simulated.Provider
		host environments.Host
		want string
	}{
		"other files":         {p, host("web", "docs"), `holds "thesis.tex"`},
		"the project":         {p, host("web", "."), "contains the project"},
		"above the project":   {p, host("web", ".."), "contains the project"},
		"another host's":      {p, host("db", "mine"), `is the machine "web"`},
		"another environment": {other, host("web", "mine"), `of environment "env-1"`},
		"another provider":    {p, environments.Host{}, "not simulated"},
	} {
		_, serr := test.p.Status(t.Context(), test.host)
		_, eerr := test.p.Ensure(t.Context(), test.host, func(string) {})
		rerr := test.p.Remove(t.Context(), test.host, false)
		for _, err := range []error{serr, eerr, rerr} {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: error %v, want one with %q", name, err, test.want)
			}
		}
	}
	if got := files(t, root); !slices.Equal(got, []string{"docs/thesis.tex", "mine/machine.json"}) {
		t.Errorf("left %v", got)
	}
}

func TestAddressesDependOnTheNameOnly(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"web", "db", "a", "b"} {
		first, err := provider(t.TempDir()).Ensure(t.Context(), host(name, "x"), func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		second, err := provider(t.TempDir()).Ensure(t.Context(), host(name, "y"), func(string) {})
		if err != nil || !maps.Equal(first.Outputs, second.Outputs) {
			t.Errorf("%v, then %v (%v)", first.Outputs, second.Outputs, err)
		}
		seen[first.Outputs["ipv4"]] = true
	}
	if len(seen) != 4 {
		t.Errorf("four names have %d addresses", len(seen))
	}
}

func TestRunsBesideEachOther(t *testing.T) {
	root := t.TempDir()
	p, h := provider(root), host("web", "web")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				var err error
				if i%2 == 0 {
					_, err = p.Ensure(context.Background(), h, func(string) {})
				} else {
					err = p.Remove(context.Background(), h, false)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
