package conformance

import (
	"errors"
	"testing"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

func system(t *testing.T, s *suite) {
	m := s.open(t)
	f := ask[*hosts.SystemFact](t, m, hosts.SystemQuery{})
	for what, ok := range map[string]bool{
		"OS": f.OS != "", "Version": f.Version != "", "Architecture": f.Architecture == "amd64" || f.Architecture == "arm64",
		"Kernel": f.Kernel != "", "BootID": len(f.BootID) == 36, "User": f.User != "", "Root": f.Root,
		"Memory": f.Memory > 1<<28, "DiskFree": f.DiskFree > 0, "Docker": (f.Docker != "") == s.options.Docker,
		"Compose": (f.Compose != "") == s.options.Docker,
	} {
		if !ok {
			t.Errorf("%s is wrong in %+v", what, *f)
		}
	}
	again := ask[*hosts.SystemFact](t, m, hosts.SystemQuery{})
	equal(t, "boot id of the same boot", again.BootID, f.BootID)
	p := ask[*hosts.PackageFact](t, m, hosts.PackageQuery{Names: []string{"openssh-server", "no-such-package", "sudo"}})
	if p.Versions["openssh-server"] == "" || len(p.Versions) != 2 {
		t.Errorf("packages are %v", p.Versions)
	}
	u := ask[*hosts.UnitFact](t, m, hosts.UnitQuery{Name: "no-such-unit.service"})
	equal(t, "a unit that does not exist", *u, hosts.UnitFact{})
	c := ask[*hosts.SysctlFact](t, m, hosts.SysctlQuery{Names: []string{"net.ipv4.ip_forward", "net.no.such", "net.ipv4.tcp_rmem"}})
	if _, there := c.Values["net.no.such"]; there || c.Values["net.ipv4.ip_forward"] == "" {
		t.Errorf("sysctls are %v", c.Values)
	}
	w := ask[*hosts.FirewallFact](t, m, hosts.FirewallQuery{Table: "no_such_table", Rules: "table inet no_such_table { }\n"})
	equal(t, "a table that does not exist", *w, hosts.FirewallFact{})
	k := ask[*hosts.ComposeFact](t, m, hosts.ComposeQuery{Project: "no-such-project"})
	equal(t, "containers of no project", len(k.Containers), 0)
	i := ask[*hosts.ImageFact](t, m, hosts.ImageQuery{References: []string{"no/such:image"}})
	equal(t, "images that are not there", len(i.Images), 0)
	if facts, err := m.Observe(background(), nil); err != nil || len(facts) != 0 {
		t.Errorf("observing nothing: %v, %v", facts, err)
	}
}

func manifest(t *testing.T, s *suite) {
	m := s.open(t)
	must(t, m, hosts.Remove{Path: hosts.ManifestPath})
	defer func() { must(t, m, hosts.Remove{Path: hosts.ManifestPath}) }()
	equal(t, "owner of a new machine", ask[*hosts.Manifest](t, m, hosts.ManifestQuery{}).Environment, "")
	claim := hosts.Own{Environment: "prod-1", Name: "prod", Set: map[string]hosts.Owned{
		"file:a":    {Paths: []string{"/etc/a b", "/etc/'q'"}},
		"service:s": {Project: "p", Services: []string{"s"}, Pins: map[string]string{"i:1": "sha256:1"}},
	}}
	changes(t, m, claim)
	changes(t, m, hosts.Own{Environment: "prod-1", Name: "prod", Set: map[string]hosts.Owned{"file:b": {Paths: []string{"/b"}}}, Drop: []string{"file:a"}})
	got := ask[*hosts.Manifest](t, m, hosts.ManifestQuery{})
	want := hosts.Manifest{Format: 1, Environment: "prod-1", Name: "prod", Owned: map[string]hosts.Owned{
		"file:b": {Paths: []string{"/b"}}, "service:s": claim.Set["service:s"]}}
	equal(t, "manifest", *got, want)

	// Another environment is refused by name, and so is what comes after it.
	before := hosts.WriteFile{Path: hosts.StackDirectory + "/conformance/owned", Content: []byte("1"), Mode: "0644"}
	must(t, m, hosts.Remove{Path: before.Path})
	defer func() { must(t, m, hosts.Remove{Path: before.Path}) }()
	after := hosts.WriteFile{Path: before.Path + "-after", Content: []byte("1"), Mode: "0644"}
	results, err := m.Apply(background(), []hosts.Operation{before, hosts.Own{Environment: "other-2", Name: "other"}, after}, nil)
	if !errors.Is(err, hosts.ErrOwned) {
		t.Errorf("another environment: %v, want %v", err, hosts.ErrOwned)
	}
	equal(t, "results up to the refusal", len(results), 2)
	equal(t, "what came before it", at(t, m, before.Path).Type, "file")
	equal(t, "what came after it", at(t, m, after.Path).Type, "")
	equal(t, "manifest after it", *ask[*hosts.Manifest](t, m, hosts.ManifestQuery{}), want)

	// A second handle that has never read the manifest sees what is there.
	if closer, ok := m.(interface{ Close() error }); ok {
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
		m = s.open(t)
	}
	changes(t, m, hosts.Own{Environment: "prod-1", Name: "prod", Drop: []string{"file:b"}})
	equal(t, "owned", len(ask[*hosts.Manifest](t, m, hosts.ManifestQuery{}).Owned), 1)
}

func releases(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	must(t, m, hosts.Remove{Path: hosts.ReleasesDirectory}, hosts.Remove{Path: hosts.ManifestPath})
	defer func() {
		must(t, m, hosts.Remove{Path: hosts.ReleasesDirectory}, hosts.Remove{Path: hosts.ManifestPath})
	}()
	write := func(name, content string) {
		must(t, m, hosts.WriteFile{Path: dir + "/" + name, Content: []byte(content), Mode: "0600"})
	}
	save := hosts.SaveRelease{Directory: dir, Keep: 2}
	write("compose.yaml", "services: {}\n")
	write("tracker/with space.toml", "a = 1\n")
	write("data/db", "a database")
	changes(t, m, save)
	write("data/db", "a larger database")
	equal(t, "changed after data changed", must(t, m, save)[0].Changed, false)
	for n, content := range []string{"a = 2\n", "a = 3\n"} {
		write("tracker/with space.toml", content)
		r := must(t, m, save)[0]
		equal(t, "release", r.Values["release"], []string{"2", "3"}[n])
		equal(t, "changed", r.Changed, true)
	}
	equal(t, "release in the manifest", ask[*hosts.Manifest](t, m, hosts.ManifestQuery{}).Release, 3)
	holds(t, m, hosts.ReleasesDirectory+"/3/tracker/with space.toml", []byte("a = 3\n"))
	holds(t, m, hosts.ReleasesDirectory+"/2/tracker/with space.toml", []byte("a = 2\n"))
	equal(t, "release 1 with two kept", at(t, m, hosts.ReleasesDirectory+"/1").Type, "")
	equal(t, "data in a release", at(t, m, hosts.ReleasesDirectory+"/3/data").Type, "")
	must(t, m, hosts.Remove{Path: dir + "/tracker"})
	changes(t, m, save)
	equal(t, "a removed file in a release", at(t, m, hosts.ReleasesDirectory+"/4/tracker").Type, "")
}

func locks(t *testing.T, s *suite) {
	first, second := s.open(t), s.open(t)
	const file = hosts.StackDirectory + "/conformance/locked"
	write := hosts.WriteFile{Path: file, Content: []byte("1"), Mode: "0644"}
	must(t, first, write)
	// A second run is refused, but may look.
	_, err := second.Apply(background(), []hosts.Operation{write}, nil)
	if !errors.Is(err, hosts.ErrLocked) {
		t.Fatalf("a second run: %v, want %v", err, hosts.ErrLocked)
	}
	equal(t, "what the second run sees", at(t, second, file).Type, "file")
	// A handle that only looks holds nothing.
	closer, ok := first.(interface{ Close() error })
	if !ok {
		t.Fatalf("%T cannot be closed", first)
	}
	must(t, first, hosts.Remove{Path: file})
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	changes(t, second, write)
	must(t, second, hosts.Remove{Path: file})
}

func failures(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	results, err := m.Apply(background(), []hosts.Operation{
		hosts.WriteFile{Path: dir + "/1", Content: []byte("1"), Mode: "0644"},
		hosts.WriteFile{Path: dir + "/1/not a directory", Content: []byte("2"), Mode: "0644"},
		hosts.WriteFile{Path: dir + "/3", Content: make([]byte, 100_000), Mode: "0644"},
		hosts.SetUnit{Name: "no-such.service", Action: "start"},
	}, nil)
	step, ok := errors.AsType[*hosts.StepError](err)
	if !ok {
		t.Fatalf("a file below a file: %v, want a *hosts.StepError", err)
	}
	equal(t, "step", step.Step, "write "+dir+"/1/not a directory")
	equal(t, "results", len(results), 2)
	equal(t, "the operation after it", at(t, m, dir+"/3").Type, "")
	// The machine still answers, in step.
	holds(t, m, dir+"/1", []byte("1"))
	changes(t, m, hosts.Remove{Path: dir + "/1"})
	if _, err := m.Apply(background(), []hosts.Operation{hosts.SetUnit{Name: "no-such.service", Action: "start"}}, nil); err == nil {
		t.Error("a unit that does not exist was started")
	}
}
