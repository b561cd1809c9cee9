package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A service with data, a file and a firewall, before and after they got other
// names.
const (
	beforeRename = `environment(id = "sim-1")
web = vm(name = "web", provider = simulated(dir = "machines/web"))
config_file(name = "motd", host = web, path = "/etc/motd", content = "hi\n")
firewall(name = "edge", host = web, allow = [tcp(80)])
compose_service(name = "hello", host = web, image = "hello:1", data = {"/data": "hello"}, healthcheck = healthcheck(["true"]))
`
	afterRename = `environment(id = "sim-1")
web = vm(name = "web", provider = simulated(dir = "machines/web"))
message = config_file(name = "message", host = web, path = "/etc/message", content = "hi\n")
wall = firewall(name = "wall", host = web, allow = [tcp(80)])
greeter = compose_service(name = "greeter", host = web, image = "hello:1", data = {"/data": "greeter"}, healthcheck = healthcheck(["true"]))
renamed("file:motd", message)
renamed("firewall:edge", wall)
renamed("service:hello", greeter)
`
)

// TestRenameKilledAtEveryMoment kills the deployment that moves what has
// another name at every moment. The next one makes the machine that an
// undisturbed run makes, and the data is there.
func TestRenameKilledAtEveryMoment(t *testing.T) {
	t.Parallel()
	start := newSite(t, map[string]string{"sim.star": beforeRename})
	start.want(0, "deploy", "sim")
	const data = "project/machines/web/root/opt/torrust-tracker-deployer/data/"
	start.write(data+"hello/notes", "kept")
	start.write("project/environments/sim.star", afterRename)
	copied := func() *site {
		s := &site{t: t, dir: t.TempDir()}
		if err := os.CopyFS(s.dir, os.DirFS(start.dir)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	undisturbed := copied()
	undisturbed.want(0, "deploy", "sim")
	want := withoutReleases(machines(t, undisturbed))
	if !strings.Contains(want, "/data/greeter/notes | kept") {
		t.Fatalf("the data was not moved:\n%s", want)
	}
	n := 1
	for ; !t.Failed(); n++ {
		s := copied()
		first := s.start(killAt, fmt.Sprint(n), programName, "deploy", "sim")
		if first.code == exitUndisturbed {
			break
		}
		if first.code != 0 {
			t.Fatalf("killed at %d: %s", n, first)
		}
		where := lastLine(first.stderr)
		if r := s.run("deploy", "sim"); r.code != 0 {
			t.Errorf("%s: the next deploy: %s", where, r)
		}
		if r := s.run("plan", "sim", "--exit-code"); r.code != 0 {
			t.Errorf("%s: then there is still something to do: %s", where, r)
		}
		if got := withoutReleases(machines(t, s)); got != want {
			t.Errorf("%s: the machine is another one:\n%s", where, difference(want, got))
		}
	}
	t.Logf("killed at each of %d moments", n-1)
	if n < 20 && !t.Failed() {
		t.Errorf("it ended undisturbed at moment %d: not everything was counted", n)
	}
}

// withoutReleases takes the copies for audit out of a description: one that was
// due when a later deployment was killed is made with the next change.
func withoutReleases(machines string) string {
	var kept strings.Builder
	for line := range strings.Lines(machines) {
		if !strings.Contains(line, "/releases/") && !strings.Contains(line, `"release": `) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
