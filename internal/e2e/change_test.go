package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// trackerToml is the tracker's configuration on the machine.
const trackerToml = "/opt/torrust-tracker-deployer/config/tracker/etc/torrust/tracker/tracker.toml"

func TestSecondDeployTouchesNothing(t *testing.T) {
	w := enter(t, deployed)
	before := w.on(t, everything)
	r := w.deploy(t, "--json")
	batches := 0
	for _, e := range events(t, r.stdout) {
		if e.Event == "batch-done" {
			batches++
			if e.Verb != "observe" {
				t.Errorf("it wrote: %+v", e)
			}
		}
	}
	if batches != 1 {
		t.Errorf("%d batches, want 1", batches)
	}
	if !strings.HasPrefix(lastLine(r.stderr), "0 changed") {
		t.Errorf("last line %q", lastLine(r.stderr))
	}
	if after := w.on(t, everything); after != before {
		t.Errorf("the machine is not the same:\n--- before\n%s--- after\n%s", before, after)
	}
}

func TestOneOptionChangesItsServiceAlone(t *testing.T) {
	w := enter(t, deployed)
	before := w.on(t, "stat -c '%n %i' /etc/docker/daemon.json /etc/torrust-tracker-deployer/guard.nft; pidof dockerd")
	old := w.container(t)
	w.change(t, trackerStar(`, announce_interval = 300`))
	want := []string{"config:tracker", "compose:web", "release:web", "service:tracker"}
	slices.Sort(want)
	if got := changed(events(t, w.deploy(t, "--json", "--test", "never").stdout)); !slices.Equal(got, want) {
		t.Errorf("changed %v, want %v", got, want)
	}
	if after := w.on(t, "stat -c '%n %i' /etc/docker/daemon.json /etc/torrust-tracker-deployer/guard.nft; pidof dockerd"); after != before {
		t.Errorf("something else changed:\n%s%s", before, after)
	}
	if now := w.container(t); now == old || !strings.HasSuffix(now, "running 0") {
		t.Errorf("container %q, was %q", now, old)
	}
	w.wantPlan(t)
}

func TestNewTokenChangesTheTrackerAlone(t *testing.T) {
	w := enter(t, deployed)
	old := w.env
	defer func() { w.env = old }()
	w.env = append(slices.Clone(old), "TRACKER_ADMIN_TOKEN=AnotherToken5d1e")
	plan := w.must(t, "plan", "lab")
	for _, token := range []string{adminToken, "AnotherToken5d1e"} {
		if strings.Contains(plan.stdout+plan.stderr, token) {
			t.Error("the plan holds a token")
		}
	}
	want := []string{"compose:web", "config:tracker", "release:web", "service:tracker"}
	if got := changed(events(t, w.deploy(t, "--json", "--test", "never").stdout)); !slices.Equal(got, want) {
		t.Errorf("changed %v, want %v", got, want)
	}
	w.must(t, "test", "lab") // the API takes the new one
	w.wantPlan(t)
}

func TestHandEditIsShownAndPutBack(t *testing.T) {
	w := enter(t, deployed)
	before := w.on(t, "stat -c '%a %U %G %s' "+trackerToml+"; sha256sum "+trackerToml)
	w.on(t, "sed -i 's/threshold = .*/threshold = \"trace\"/' "+trackerToml)
	r := w.must(t, "plan", "lab")
	if !strings.Contains(r.stdout, "-threshold = \"trace\"") && !strings.Contains(r.stdout, "-threshold = 'trace'") {
		t.Errorf("the plan does not show the edit:\n%s", r.stdout)
	}
	if strings.Contains(r.stdout, adminToken) {
		t.Error("the plan holds the token")
	}
	w.deploy(t, "--test", "never")
	if after := w.on(t, "stat -c '%a %U %G %s' "+trackerToml+"; sha256sum "+trackerToml); after != before {
		t.Errorf("it is %s, was %s", after, before)
	}
	w.wantPlan(t)
}

func TestRemovedContainerComesBack(t *testing.T) {
	w := enter(t, deployed)
	w.on(t, "docker rm -f lab-tracker-1")
	w.wantPlan(t, "create service:tracker")
	w.deploy(t, "--test", "always")
	if now := w.container(t); !strings.HasSuffix(now, "running 0") {
		t.Errorf("container %q", now)
	}
}

func TestRemovedServiceGoesAndItsDataStays(t *testing.T) {
	w := enter(t, deployed)
	data := "ls /opt/torrust-tracker-deployer/data/tracker"
	before := w.on(t, data)
	text := labStar("")
	from := strings.Index(text, "trk = tracker(")
	to := strings.Index(text[from:], "\n")
	w.change(t, text[:from]+`compose_service(name = "hello", host = web, image = "torrust/lab-listener:1.0",
    healthcheck = healthcheck(["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]))`+text[from+to:])
	plan := w.plan(t)
	for _, want := range []string{"delete service:tracker", "delete config:tracker", "create service:hello"} {
		if !slices.Contains(plan, want) {
			t.Errorf("the plan lacks %q: %v", want, plan)
		}
	}
	w.deploy(t, "--test", "never")
	if names := w.on(t, "docker ps -a --format '{{.Names}}'"); names != "lab-hello-1\n" {
		t.Errorf("containers %q", names)
	}
	if after := w.on(t, data); after != before || before == "" {
		t.Errorf("data is %q, was %q", after, before)
	}
	w.wantPlan(t)
}

func TestLostSystemDiskIsRebuiltAndDataKept(t *testing.T) {
	w := enterPlain(t, deployed)
	w.on(t, "echo precious >/opt/torrust-tracker-deployer/data/tracker/keepsake; sync")
	w.must(t, "stop", "web", "lab", "--yes")
	w.guest = nil
	disk := w.vm("web") + "/disk.qcow2"
	if err := os.Rename(disk, disk+".aside"); err != nil {
		t.Fatal(err)
	}
	defer func() { // the other tests need its snapshots
		if err := w.kill("web"); err != nil {
			t.Error(err)
		}
		if err := os.Rename(disk+".aside", disk); err != nil {
			t.Error(err)
		}
	}()
	r := w.must(t, "plan", "lab")
	if !strings.Contains(r.stdout, "+ vm:web") || !strings.Contains(r.stdout, "disk") {
		t.Errorf("the plan does not say so:\n%s", r.stdout)
	}
	w.deploy(t, "--test", "always")
	if got := w.on(t, "cat /opt/torrust-tracker-deployer/data/tracker/keepsake"); got != "precious\n" {
		t.Errorf("the data is %q", got)
	}
}
