package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

func units(t *testing.T, s *suite) {
	m := s.open(t)
	const name = "torrust-conformance.service"
	file := hosts.WriteFile{Path: "/etc/systemd/system/" + name, Mode: "0644", Content: []byte(
		"[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/true\n[Install]\nWantedBy=multi-user.target\n")}
	see := func(want hosts.UnitFact) {
		t.Helper()
		equal(t, name, *ask[*hosts.UnitFact](t, m, hosts.UnitQuery{Name: name}), want)
	}
	defer func() {
		must(t, m, hosts.SetUnit{Name: name, Action: "stop"}, hosts.Remove{Path: file.Path})
	}()
	if ask[*hosts.UnitFact](t, m, hosts.UnitQuery{Name: name}).Exists { // of a run that was cut short
		must(t, m, hosts.SetUnit{Name: name, Action: "stop"})
	}
	must(t, m, file)
	changes(t, m, hosts.SetUnit{Name: name, Enabled: true})
	see(hosts.UnitFact{Exists: true, Enabled: true})
	changes(t, m, hosts.SetUnit{Name: name, Enabled: true, Action: "start"})
	see(hosts.UnitFact{Exists: true, Enabled: true, Active: true})
	file.Content = append(file.Content, "[Unit]\nDescription=changed\n"...)
	must(t, m, file)
	see(hosts.UnitFact{Exists: true, Enabled: true, Active: true, Stale: true})
	for _, action := range []string{"reload", "restart"} {
		equal(t, "changed by "+action, must(t, m, hosts.SetUnit{Name: name, Enabled: true, Action: action})[0].Changed, true)
		see(hosts.UnitFact{Exists: true, Enabled: true, Active: true})
	}
	changes(t, m, hosts.SetUnit{Name: name, Action: "stop"})
	see(hosts.UnitFact{Exists: true})
}

func firewall(t *testing.T, s *suite) {
	m := s.open(t)
	const table, kept = "torrust_conformance", "/etc/torrust-conformance.nft"
	rules := func(port int) string {
		return fmt.Sprintf("table inet %s {\n\tchain pre {\n\t\ttype filter hook prerouting priority -150; policy accept;\n"+
			"\t\ttcp dport { 22, %d } accept # a comment\n\t}\n}\n", table, port)
	}
	see := func(port int, want hosts.FirewallFact) {
		t.Helper()
		f := *ask[*hosts.FirewallFact](t, m, hosts.FirewallQuery{Table: table, Rules: rules(port)})
		f.Live = ""
		equal(t, fmt.Sprintf("firewall with port %d", port), f, want)
	}
	apply := func(port int, revert time.Duration) hosts.ApplyFirewall {
		return hosts.ApplyFirewall{Table: table, Rules: rules(port), Path: kept, Revert: revert}
	}
	unit := func() hosts.UnitFact { return *ask[*hosts.UnitFact](t, m, hosts.UnitQuery{Name: hosts.FirewallUnit}) }
	before := unit() // the machine may have rules of its own
	must(t, m, apply(80, time.Hour))
	see(80, hosts.FirewallFact{Loaded: true, Same: true, Pending: true})
	changes(t, m, hosts.ConfirmFirewall{Table: table})
	see(80, hosts.FirewallFact{Loaded: true, Same: true})
	equal(t, "changed by the same rules", must(t, m, apply(80, time.Hour))[0].Changed, false)
	see(81, hosts.FirewallFact{Loaded: true})
	holds(t, m, kept, []byte(rules(80)))

	// A change that nobody confirms goes back, also when it is applied twice.
	must(t, m, apply(81, time.Hour))
	must(t, m, apply(82, max(s.options.Revert, 2*time.Second)))
	see(82, hosts.FirewallFact{Loaded: true, Same: true, Pending: true})
	deadline := time.Now().Add(time.Minute + s.options.Revert)
	for ask[*hosts.FirewallFact](t, m, hosts.FirewallQuery{Table: table, Rules: rules(80)}).Pending {
		if time.Now().After(deadline) {
			t.Fatal("the change is still there")
		}
		time.Sleep(100 * time.Millisecond)
	}
	see(80, hosts.FirewallFact{Loaded: true, Same: true})
	holds(t, m, kept, []byte(rules(80)))
	if _, err := m.Apply(background(), []hosts.Operation{hosts.ConfirmFirewall{Table: table}}, nil); err == nil {
		t.Error("a change that was reverted can be confirmed")
	}
	broken := apply(80, time.Hour)
	broken.Rules = "table inet " + table + " { chain {"
	if s.options.Commands {
		if _, err := m.Apply(background(), []hosts.Operation{broken}, nil); err == nil {
			t.Error("rules that do not parse were loaded")
		}
		see(80, hosts.FirewallFact{Loaded: true, Same: true})
	}
	must(t, m, apply(80, time.Hour), hosts.ConfirmFirewall{Table: table})
	changes(t, m, hosts.DropFirewall{Table: table})
	see(80, hosts.FirewallFact{})
	equal(t, "the rules for the next boot", at(t, m, kept).Type, "")
	equal(t, "the unit that loads them", unit(), before)
}

const project = "torrust-conformance"

// stack is a compose file of services that sleep.
func stack(image, extra string, names ...string) []byte {
	var b strings.Builder
	b.WriteString("services:\n")
	for _, name := range names {
		fmt.Fprintf(&b, "  %s:\n    image: %q\n    command: [sleep, '1000']\n    restart: unless-stopped\n    stop_grace_period: 1s\n"+
			"    labels: {conformance: '1'%s}\n    healthcheck: {test: [CMD, 'true'], interval: 60s, timeout: 30s, start_period: 60s, start_interval: 2s}\n", name, image, extra)
	}
	return []byte(b.String())
}

func docker(t *testing.T, s *suite) {
	m := s.open(t)
	dir := s.directory(t, m)
	compose := func(extra string, names ...string) {
		t.Helper()
		must(t, m, hosts.WriteFile{Path: dir + "/compose.yaml", Mode: "0644", Content: stack(s.options.Image, extra, names...)})
	}
	see := func() map[string]hosts.Container {
		t.Helper()
		byName := map[string]hosts.Container{}
		for _, c := range ask[*hosts.ComposeFact](t, m, hosts.ComposeQuery{Project: project}).Containers {
			byName[c.Service] = c
		}
		return byName
	}
	must(t, m, hosts.ComposeDown{Project: project})
	pulled := must(t, m, hosts.PullImage{Reference: s.options.Image, Always: true})[0]
	image := ask[*hosts.ImageFact](t, m, hosts.ImageQuery{References: []string{s.options.Image, "no/such:image"}}).Images
	equal(t, "images", len(image), 1)
	equal(t, "image", pulled.Values, map[string]string{"digest": image[s.options.Image].Digest, "id": image[s.options.Image].ID})
	equal(t, "changed by a second pull", must(t, m, hosts.PullImage{Reference: s.options.Image})[0].Changed, false)

	up := func(names ...string) hosts.ComposeUp {
		return hosts.ComposeUp{Project: project, Directory: dir, Services: names, Timeout: 2 * time.Minute, Settle: time.Second}
	}
	compose("", "one", "two")
	changes(t, m, up("one", "two"))
	first := see()
	equal(t, "containers", len(first), 2)
	one := first["one"]
	equal(t, "container", [5]any{one.State, one.Health, one.Restarts, one.ImageID, one.Restart},
		[5]any{"running", "healthy", 0, image[s.options.Image].ID, "unless-stopped"})
	equal(t, "label", one.Labels["conformance"], "1")
	if _, err := time.Parse(time.RFC3339, one.Started); err != nil {
		t.Errorf("started is %q", one.Started)
	}

	// Only what is named and differs is made anew.
	compose(", more: '2'", "one", "two")
	changes(t, m, up("one"))
	second := see()
	equal(t, "two is untouched", second["two"], first["two"])
	if second["one"].ID == first["one"].ID || second["one"].Labels["more"] != "2" {
		t.Errorf("one was not made anew: %+v", second["one"])
	}
	again := up("one")
	again.Recreate = true
	equal(t, "changed by Recreate", must(t, m, again)[0].Changed, true)
	if third := see(); third["one"].ID == second["one"].ID {
		t.Error("Recreate kept the container")
	}

	changes(t, m, hosts.ComposeAction{Project: project, Services: []string{"one"}, Action: "stop"})
	equal(t, "state", see()["one"].State, "exited")
	changes(t, m, hosts.ComposeAction{Project: project, Services: []string{"one"}, Action: "start"})
	equal(t, "state", see()["one"].State, "running")
	equal(t, "changed by restart", must(t, m, hosts.ComposeAction{Project: project, Services: []string{"one"}, Action: "restart"})[0].Changed, true)

	if s.options.Plain != "" { // a health check is not everybody's
		simple := fmt.Sprintf("  simple:\n    image: %q\n    command: [sleep, '1000']\n    stop_grace_period: 1s\n", s.options.Plain)
		must(t, m, hosts.WriteFile{Path: dir + "/compose.yaml", Mode: "0644", Content: []byte(string(stack(s.options.Image, ", more: '2'", "one")) + simple)})
		changes(t, m, up("simple"))
		equal(t, "state and health", [2]string{see()["simple"].State, see()["simple"].Health}, [2]string{"running", ""})
		changes(t, m, hosts.ComposeDown{Project: project, Services: []string{"simple"}})
	}

	reload(t, s, m, dir)

	// A service that no file declares any more can be removed.
	compose(", more: '2'", "one")
	changes(t, m, hosts.ComposeDown{Project: project, Services: []string{"two"}})
	equal(t, "containers", len(see()), 1)
	if _, err := m.Apply(background(), []hosts.Operation{up("two")}, nil); err == nil {
		t.Error("a service that is not declared was started")
	}
	changes(t, m, hosts.ComposeDown{Project: project})
	equal(t, "containers", len(see()), 0)
}

// reload makes a container read a file again, which stays the same container;
// only one that cannot see the file is restarted.
func reload(t *testing.T, s *suite, m hosts.Machine, dir string) {
	file := hosts.WriteFile{Path: dir + "/conf", Mode: "0644", Content: []byte("first\n"), InPlace: true}
	compose := string(stack(s.options.Image, "", "reader")) + fmt.Sprintf("    volumes: [{type: bind, source: %s, target: /conf, read_only: true}]\n", file.Path)
	must(t, m, file, hosts.WriteFile{Path: dir + "/compose.yaml", Mode: "0644", Content: []byte(compose)},
		hosts.ComposeUp{Project: project, Directory: dir, Services: []string{"reader"}, Timeout: 2 * time.Minute})
	see := func() hosts.Container {
		t.Helper()
		for _, c := range ask[*hosts.ComposeFact](t, m, hosts.ComposeQuery{Project: project}).Containers {
			if c.Service == "reader" {
				return c
			}
		}
		t.Fatal("the container is gone")
		return hosts.Container{}
	}
	again := hosts.ComposeReload{
		Project: project, Service: "reader", Argv: []string{"sh", "-c", "read line </conf && echo \"it reads $line\""},
		Binds: []hosts.Bind{{Source: file.Path, Target: "/conf"}}, Timeout: time.Minute, Settle: time.Second,
	}
	first := see()
	file.Content = []byte("second, and longer\n")
	must(t, m, file)
	var lines []string
	results, err := m.Apply(background(), []hosts.Operation{again}, func(line string) { lines = append(lines, line) })
	if err != nil || !results[0].Changed {
		t.Fatalf("reload: %+v, %v", results, err)
	}
	equal(t, "the container after a reload", see(), first)
	if s.options.Commands {
		equal(t, "what the container says", lines, []string{"it reads second, and longer"})
		broken := again
		broken.Argv = []string{"sh", "-c", "echo no such option; exit 10"}
		if _, err := m.Apply(background(), []hosts.Operation{broken}, nil); err == nil || !strings.Contains(err.Error(), "no such option\nexit code 10") {
			t.Errorf("a reload that went wrong: %v", err)
		}
		equal(t, "the container after a reload that went wrong", see(), first)
		file.InPlace, file.Content = false, []byte("third\n")
		must(t, m, file)
		results := must(t, m, again)
		equal(t, "what it did not see", results[0].Values["restarted"], "/conf")
		if now := see(); now.ID != first.ID || now.Started == first.Started {
			t.Errorf("a container that does not see the file: %+v, was %+v", now, first)
		}
	}
	must(t, m, hosts.ComposeAction{Project: project, Services: []string{"reader"}, Action: "stop"})
	if _, err := m.Apply(background(), []hosts.Operation{again}, nil); err == nil {
		t.Error("a container that does not run was reloaded")
	}
	must(t, m, hosts.ComposeDown{Project: project, Services: []string{"reader"}})
}
