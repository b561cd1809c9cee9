package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/tasks"
)

// A first deployment of a tracker, a file and a firewall; the second file has
// two machines. Times of the simulated machines are none: what runs at the
// same time is then left to the scheduler, differently in every run.
const (
	oneHost = `load("@torrust//tracker.star", "tracker")
environment(id = "sim-1")
web = vm(name = "web", provider = simulated(dir = "machines/web"))
trk = tracker(name = "tracker", host = web)
config_file(name = "key", host = web, path = "/etc/key", mode = "0600", content = fmt("{}\n", secret("KEY", generate = True)))
firewall(name = "edge", host = web, allow = [udp(6969), tcp(7070)])
`
	twoHosts = oneHost + `
db = vm(name = "db", provider = simulated(dir = "machines/db"))
config_file(name = "peer", host = db, path = "/etc/peer", content = fmt("{}\n", web.ipv4))
compose_service(name = "store", host = db, image = "store:1", data = {"/data": "store"}, healthcheck = healthcheck(["true"]),
    environment = {"PASSWORD": secret("STORE_PASSWORD", generate = True)})
`
)

// TestKilledAtEveryMoment kills the first deployment of a project at every
// moment, each time from the same start. What is deployed then has to succeed,
// to make the machine that an undisturbed run makes, and to leave nothing to
// do.
func TestKilledAtEveryMoment(t *testing.T) {
	for _, c := range []struct {
		name, text string
		keys       bool // all runs have the secrets of the undisturbed one
	}{
		{"one host", oneHost, true},
		{"two hosts", twoHosts, true},
		// The age file itself is made by the run that is killed. Every run has
		// secrets of its own then, so that machines cannot be compared.
		{"no age file", oneHost, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			undisturbed := newSite(t, map[string]string{"sim.star": c.text})
			undisturbed.want(0, "deploy", "sim")
			want := machines(t, undisturbed)
			last := everyMoment(t, func(n int) bool {
				killed, got := killedAt(t, n, c.text, undisturbed, c.keys)
				if killed && c.keys && got != want {
					t.Errorf("killed at %d, the machine is another one:\n%s", n, difference(want, got))
				}
				return killed
			})
			// A deployment has a frame before and one after each of a dozen
			// nodes; that is written, and synced.
			if last < 50 && !t.Failed() {
				t.Errorf("it ended undisturbed at moment %d: not everything was counted", last)
			}
		})
	}
}

// killedAt deploys a new project, killed at moment n, and once more. It
// reports whether the first run was killed, and describes the machines.
func killedAt(t *testing.T, n int, text string, undisturbed *site, keys bool) (killed bool, got string) {
	s := &site{t: t, dir: t.TempDir()}
	s.write("project/environments/sim.star", text)
	if keys {
		s.write("project/environments/sim.age", undisturbed.read("project/environments/sim.age"))
		s.write("home/config/torrust-tracker-deployer/age.key", undisturbed.read("home/config/torrust-tracker-deployer/age.key"))
	}
	first := s.start(killAt, fmt.Sprint(n), programName, "deploy", "sim")
	if first.code == exitUndisturbed {
		return false, ""
	}
	if first.code != 0 {
		t.Errorf("killed at %d: %s", n, first)
		return true, ""
	}
	where := lastLine(first.stderr)
	if r := s.run("deploy", "sim"); r.code != 0 {
		t.Errorf("%s: the next deploy: %s", where, r)
		return true, ""
	}
	if r := s.run("plan", "sim", "--exit-code"); r.code != 0 {
		t.Errorf("%s: then there is still something to do: %s", where, r)
	}
	records, err := tasks.ReadRecords(s.path("home/state/torrust-tracker-deployer/sim-1/journal"))
	if err != nil || len(records.Pending) > 0 {
		t.Errorf("%s: the records say that %v are half-done (%v)", where, records.Pending, err)
	}
	if left := names(t, s.path("project/environments")); !slices.Equal(left, []string{"sim.age", "sim.star"}) {
		t.Errorf("%s: beside the environment file there are %v", where, left)
	}
	return true, machines(t, s)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return lines[len(lines)-1]
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// machines describes the simulated machines of a project: each file with mode
// and content, and the state that is not files. Left out are calls.log, which
// is the history, and lock, which holds a process id.
func machines(t *testing.T, s *site) string {
	t.Helper()
	var b strings.Builder
	root := s.path("project/machines")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() == "calls.log" || e.Name() == "lock" {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s\n", strings.TrimPrefix(path, root), info.Mode())
		if !info.Mode().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if e.Name() == "state.json" {
			data = withoutHistory(t, data)
		}
		for line := range strings.Lines(string(data)) {
			fmt.Fprintf(&b, "%s | %s\n", strings.TrimPrefix(path, root), strings.TrimRight(line, "\n"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// withoutHistory takes out of a state.json what says how often something was
// started and not what it is: the counter, and what is derived from it, the
// containers' ids and times of their start. Containers come in the order of
// their names: which of two services started first is left to chance.
func withoutHistory(t *testing.T, data []byte) []byte {
	t.Helper()
	var state map[string]any
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	delete(state, "counter")
	containers, _ := state["containers"].([]any)
	for _, c := range containers {
		container := c.(map[string]any)["container"].(map[string]any)
		delete(container, "ID")
		delete(container, "Started")
	}
	slices.SortFunc(containers, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	data, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	wanted, there := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for _, side := range []struct {
		sign        string
		text, other []string
	}{{"-", wanted, there}, {"+", there, wanted}} {
		for _, line := range side.text {
			if !slices.Contains(side.other, line) {
				b.WriteString(side.sign + line + "\n")
			}
		}
	}
	return b.String()
}
