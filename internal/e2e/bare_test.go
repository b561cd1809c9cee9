package e2e

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/internal/lab"
)

// A machine that has nothing of what containers need gets it from the
// distribution's packages, which the lab serves.
func TestBareMachineGetsItsPackages(t *testing.T) {
	dir, err := lab.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	image, err := lab.New(dir, os.Stderr).VMImage(t.Context(), lab.Debian13Bare)
	if err != nil {
		t.Fatal(err)
	}
	w := enter(t, booted)
	if err := w.kill("web"); err != nil { // its cores are needed
		t.Fatal(err)
	}
	defer func() {
		// The test's own context is over by then.
		if r := w.run(context.Background(), "destroy", "lab", "--yes"); r.code != 0 {
			t.Errorf("destroy: exit %d\n%s", r.code, r.stderr)
		}
	}()
	w.change(t, strings.ReplaceAll(`environment(id = "lab-e2e")
web = vm(
    name = "bare",
    provider = qemu(image = "BARE", network = bridge(name = "br0", ipv4 = "10.77.0.12/24", ipv6 = "fd77::12/64")),
    apt_mirror = "deb [trusted=yes] http://`+lab.Gateway4+`:8000/ ./",
    registry_mirrors = ["http://`+lab.Gateway4+`:5000"],
)
compose_service(name = "hello", host = web, image = "torrust/lab-listener:1.0",
    healthcheck = healthcheck(["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"], interval = "1s"))
`, "BARE", image))
	w.must(t, "provision", "lab", "--yes")
	if out := w.must(t, "exec", "bare", "lab", "--", "sh", "-c", "command -v docker || echo none"); out.stdout != "none\n" {
		t.Fatalf("the bare image has docker: %s", out.stdout)
	}
	w.deploy(t)
	if out := w.must(t, "exec", "bare", "lab", "--", "docker", "ps", "--format", "{{.Names}} {{.Status}}"); !strings.Contains(out.stdout, "(healthy)") {
		t.Errorf("containers: %s", out.stdout)
	}
	w.wantPlan(t)
}
