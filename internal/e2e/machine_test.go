package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A machine that was switched off behind the program's back is found stopped,
// and started again.
func TestStoppedMachineIsStartedAgain(t *testing.T) {
	w := enter(t, deployed)
	if err := w.kill("web"); err != nil {
		t.Fatal(err)
	}
	r := w.must(t, "plan", "lab")
	if !strings.Contains(r.stdout, "vm:web") || !strings.Contains(r.stdout, "stopped") {
		t.Errorf("the plan does not say so:\n%s", r.stdout)
	}
	w.deploy(t, "--test", "always")
	w.wantPlan(t)
}

// Two machines of one file are worked on at the same time, and destroy leaves
// nothing of either.
func TestTwoMachinesOverlapAndGo(t *testing.T) {
	w := enter(t, deployed)
	keep := w.path("disks")
	// Links, not copies: the machine is running and writes to its disk.
	if out, err := exec.Command("cp", "-alT", w.vm("web"), keep).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	defer func() { // the other tests need the machine's snapshots
		if err := w.kill("web"); err != nil {
			t.Error(err)
		}
		if err := os.MkdirAll(w.vm("web"), 0o700); err != nil {
			t.Error(err)
		}
		// The tests' own clean-up ends after the test's context.
		if out, err := exec.Command("cp", "-alT", keep, w.vm("web")).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}()
	w.change(t, labStar(`
[config_file(name = "a-%d" % i, host = web, path = "/srv/a/%d" % i, content = "text %d" % i) for i in range(40)]
two = vm(
    name = "two",
    provider = qemu(image = "IMAGE", network = bridge(name = "br0", ipv4 = "10.77.0.11/24", ipv6 = "fd77::11/64")),
)
[config_file(name = "b-%d" % i, host = two, path = "/srv/b/%d" % i, content = "text %d" % i) for i in range(40)]
`))
	list := events(t, w.deploy(t, "--json", "--test", "never").stdout)
	spans := map[string][2]time.Time{}
	for _, e := range list {
		host := map[bool]string{true: "two", false: "web"}[e.Node == "vm:two" || strings.HasPrefix(e.Node, "file:b-")]
		if e.At == "" || e.Act == "none" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, e.At)
		if err != nil {
			t.Fatal(err)
		}
		s, ok := spans[host]
		if !ok {
			s = [2]time.Time{at, at}
		}
		s[1] = at
		spans[host] = s
	}
	if web, two := spans["web"], spans["two"]; web[0].After(two[1]) || two[0].After(web[1]) {
		t.Errorf("they do not overlap: %v, %v", web, two)
	}
	w.must(t, "destroy", "lab", "--yes")
	for _, path := range []string{w.vm("web"), w.vm("two"), w.path("xdg_state_home/torrust-tracker-deployer/lab-e2e")} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	out, err := exec.Command("pgrep", "-af", "qemu-system.*"+w.dir+"/").CombinedOutput()
	if err == nil {
		t.Errorf("processes are left:\n%s", out)
	}
	if taps := w.links(t); strings.Contains(taps, "ttd") {
		t.Errorf("network interfaces are left:\n%s", taps)
	}
	pins, err := os.ReadFile(w.path("project/environments/lab.known_hosts"))
	if err == nil && len(strings.TrimSpace(string(pins))) > 0 {
		t.Errorf("host keys are left:\n%s", pins)
	}
	r := w.must(t, "destroy", "lab", "--yes") // again: nothing to do
	if !strings.HasPrefix(lastLine(r.stderr), "0 changed") {
		t.Errorf("second destroy: %s", lastLine(r.stderr))
	}
}

func (w *world) links(t *testing.T) string {
	t.Helper()
	argv := w.network.Command("ip", "-o", "link")
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip link: %v: %s", err, out)
	}
	return string(out)
}
