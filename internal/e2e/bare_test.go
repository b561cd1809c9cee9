package e2e

import (
	"strings"
	"testing"
)

// A machine that has nothing of what containers need gets it from the
// distribution's packages, which the lab serves.
func TestBareMachineGetsItsPackages(t *testing.T) {
	t.Parallel()
	w := <-bare
	w.begin(t, booted)
	const docker = "command -v docker || echo none"
	if out := w.on(t, docker); out != "none\n" {
		t.Fatalf("the bare image has docker: %s", out)
	}
	w.restore(t, deployed)
	if out := w.on(t, docker); out != "/usr/bin/docker\n" {
		t.Fatalf("the deployed machine has docker at %q", out)
	}
	if now := w.container(t); !strings.HasSuffix(now, "running 0") {
		t.Errorf("container %q", now)
	}
	w.wantPlan(t)
}
