package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plant starts listeners that no firewall opens: on the machine itself, in
// containers with published ports (a web server, and a second tracker for
// UDP), and in one without, whose own address the client knows a route to.
const plant = `
set -e
docker run -d --name published -p 8081:8080 torrust/lab-listener:1.0 >/dev/null
docker run -d --name published-udp -p 8082:6969/udp -e TORRUST_TRACKER_CONFIG_TOML='[metadata]
app = "torrust-tracker"
purpose = "configuration"
schema_version = "2.0.0"
[logging]
threshold = "info"
[core]
listed = false
private = false
[core.database]
driver = "sqlite3"
path = "/tmp/second.db"
[[udp_trackers]]
bind_address = "0.0.0.0:6969"
' "$(docker inspect --format '{{.Config.Image}}' lab-tracker-1)" >/dev/null
docker run -d --name routed torrust/lab-listener:1.0 >/dev/null
systemd-run --quiet --unit planted sh -c 'exec python3 -m http.server 8083 --bind ::' 2>/dev/null ||
  systemd-run --quiet --unit planted sh -c 'while :; do echo hello | nc -l -p 8083; done'
docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' routed
`

func TestNothingButWhatIsDeclaredAnswersFromOutside(t *testing.T) {
	w := enter(t, deployed)
	container := strings.TrimSpace(w.on(t, plant))
	ctx := t.Context()
	if err := w.network.IP(ctx, "route", "replace", container+"/32", "via", machine4); err != nil {
		t.Fatal(err)
	}
	planted := []string{
		"tcp " + net.JoinHostPort(machine4, "8081"), "tcp " + net.JoinHostPort(machine6, "8081"),
		"udp " + net.JoinHostPort(machine4, "8082"), "udp " + net.JoinHostPort(machine6, "8082"),
		"tcp " + net.JoinHostPort(machine4, "8083"), "tcp " + net.JoinHostPort(machine6, "8083"),
		"tcp " + net.JoinHostPort(container, "8080"),
	}
	for _, target := range planted {
		if w.answers(ctx, t, target) {
			t.Errorf("%s answers with the guard", target)
		}
	}
	for _, target := range []string{machine4, machine6} {
		if !w.answers(ctx, t, "tcp "+net.JoinHostPort(target, "7070")) {
			t.Errorf("the declared port of %s is silent", target)
		}
	}
	// The control: without the guard all of them answer.
	w.on(t, "nft delete table inet torrust_guard; iptables -P FORWARD ACCEPT; iptables -I DOCKER-USER -j ACCEPT; ip6tables -I DOCKER-USER -j ACCEPT")
	for _, target := range planted {
		if !w.answers(ctx, t, target) {
			t.Errorf("%s is silent without the guard: this test would not see it", target)
		}
	}
	w.wantPlan(t, "create firewall:edge")
	w.deploy(t, "--test", "never")
	for _, target := range planted {
		if w.answers(ctx, t, target) {
			t.Errorf("%s answers after the guard was put back", target)
		}
	}
}

// answers reports whether something accepts a connection, or speaks BEP 15 on
// UDP, from the network of the client.
func (w *world) answers(ctx context.Context, t *testing.T, target string) bool {
	t.Helper()
	proto, address, _ := strings.Cut(target, " ")
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c, err := w.network.DialContext(ctx, proto, address)
	if err == nil {
		defer c.Close()
		return proto == "tcp" || tracks(ctx, c)
	}
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, syscall.ECONNREFUSED) {
		if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
			t.Fatal(fmt.Errorf("%s: %w", target, err))
		}
	}
	return false
}

// tracks asks for a connection id (BEP 15) until one comes or ctx ends; a
// datagram may be lost, and refused while the tracker starts.
func tracks(ctx context.Context, c net.Conn) bool {
	const transaction = 0x5eed
	request := binary.BigEndian.AppendUint64(nil, 0x41727101980)
	request = binary.BigEndian.AppendUint32(request, 0) // connect
	request = binary.BigEndian.AppendUint32(request, transaction)
	answer := make([]byte, 16)
	for ctx.Err() == nil {
		_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := c.Write(request); err != nil {
			continue
		}
		n, err := c.Read(answer)
		if err == nil && n == 16 && binary.BigEndian.Uint64(answer) == transaction {
			return true
		}
	}
	return false
}
