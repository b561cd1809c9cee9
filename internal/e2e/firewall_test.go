package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plant starts listeners that no firewall opens: on the machine itself, in a
// container with published ports, and in one without, whose own address the
// client knows a route to.
const plant = `
set -e
docker run -d --name published -p 8081:8080 -p 8082:8082/udp torrust/lab-listener:1.0 >/dev/null
docker run -d --name routed torrust/lab-listener:1.0 >/dev/null
docker exec -d published sh -c 'while :; do echo pong | nc -u -l -p 8082; done'
systemd-run --quiet --unit planted sh -c 'exec python3 -m http.server 8083 --bind ::' 2>/dev/null ||
  systemd-run --quiet --unit planted sh -c 'while :; do echo hello | nc -l -p 8083; done'
docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' routed
`

func TestNothingButWhatIsDeclaredAnswersFromOutside(t *testing.T) {
	the.restore(t, deployed)
	container := strings.TrimSpace(the.on(t, plant))
	ctx := t.Context()
	if err := the.network.IP(ctx, "route", "replace", container+"/32", "via", machine4); err != nil {
		t.Fatal(err)
	}
	planted := []string{
		"tcp " + net.JoinHostPort(machine4, "8081"), "tcp " + net.JoinHostPort(machine6, "8081"),
		"tcp " + net.JoinHostPort(machine4, "8083"), "tcp " + net.JoinHostPort(machine6, "8083"),
		"tcp " + net.JoinHostPort(container, "8080"),
	}
	for _, target := range planted {
		if answers(ctx, t, target) {
			t.Errorf("%s answers with the guard", target)
		}
	}
	for _, target := range []string{machine4, machine6} {
		if !answers(ctx, t, "tcp "+net.JoinHostPort(target, "7070")) {
			t.Errorf("the declared port of %s is silent", target)
		}
	}
	// The control: without the guard all of them answer.
	the.on(t, "nft delete table inet torrust_guard; iptables -P FORWARD ACCEPT; iptables -I DOCKER-USER -j ACCEPT; ip6tables -I DOCKER-USER -j ACCEPT")
	for _, target := range planted {
		if !answers(ctx, t, target) {
			t.Errorf("%s is silent without the guard: this test would not see it", target)
		}
	}
	the.wantPlan(t, "create firewall:edge")
	the.deploy(t)
	for _, target := range planted {
		if answers(ctx, t, target) {
			t.Errorf("%s answers after the guard was put back", target)
		}
	}
}

// answers reports whether a connection is accepted, from the network of the
// client.
func answers(ctx context.Context, t *testing.T, target string) bool {
	t.Helper()
	proto, address, _ := strings.Cut(target, " ")
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := the.network.DialContext(ctx, proto, address)
	if err == nil {
		_ = c.Close()
		return true
	}
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, syscall.ECONNREFUSED) {
		if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
			t.Fatal(fmt.Errorf("%s: %w", target, err))
		}
	}
	return false
}
