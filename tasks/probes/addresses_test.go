package probes_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
)

// serveDNS answers every question for an address with those of this computer,
// 127.0.0.1 and ::1, and lets this process ask nobody else until the test
// ends; the test must not be parallel.
func serveDNS(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		conn.Close()
	})
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			conn.WriteTo(dnsAnswer(b[:n]), from)
		}
	}()
}

// dnsAnswer answers the one question of a query (RFC 1035, 4.1).
func dnsAnswer(query []byte) []byte {
	name := 12 + bytes.IndexByte(query[12:], 0) + 1 // labels end with an empty one
	question := query[12 : name+4]
	address := map[uint16][]byte{1: {127, 0, 0, 1}, 28: net.IPv6loopback}[binary.BigEndian.Uint16(query[name:])]
	answer := slices.Concat(query[:2], []byte{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, question)
	answer = append(answer, 0xc0, 12) // the name of the question
	answer = append(answer, question[len(question)-4:]...)
	answer = append(answer, 0, 0, 0, 60, 0, byte(len(address)))
	return append(answer, address...)
}

func TestEveryAddressOfANameIsAsked(t *testing.T) {
	serveDNS(t)
	four := newUDPTracker(t, "127.0.0.1:0")
	port := four.conn.LocalAddr().(*net.UDPAddr).Port
	six := newUDPTracker(t, fmt.Sprintf("[::1]:%d", port))
	var deaf atomic.Bool
	six.alter = func(_ uint32, _ int, answer []byte) []byte {
		if deaf.Load() {
			return nil
		}
		return answer
	}
	four.serve(t)
	six.serve(t)
	target := fmt.Sprintf("udp://tracker.example:%d", port)
	p := environments.Probe{UDPTracker: value(target), Timeout: seconds(2)}

	got := run(t, p)
	slices.Sort(got.lines) // the addresses are asked side by side
	got.passes(t,
		`127\.0\.0\.1: scrape counts 1 seeder\(s\), 1 leecher\(s\)`,
		`127\.0\.0\.1: the leecher sees the seeder at 127\.0\.0\.1:\d+, the seeder sees the leecher at 127\.0\.0\.1:\d+, interval 2m0s`,
		`::1: scrape counts 1 seeder\(s\), 1 leecher\(s\)`,
		`::1: the leecher sees the seeder at \[::1\]:\d+, the seeder sees the leecher at \[::1\]:\d+, interval 2m0s`)

	deaf.Store(true)
	run(t, p).fails(t, target+": at ::1: connect: no answer to 3 tries of 500ms", "firewall")
	p.Expect.Silent = true
	run(t, p).fails(t, target+": at 127.0.0.1: it must be silent, and 16 bytes came back from 127.0.0.1:PORT", "firewall")
}

func TestEveryAddressOfAnHTTPTrackerIsAskedByItsName(t *testing.T) {
	serveDNS(t)
	h := newHTTPTracker(t, "127.0.0.1:0")
	target := fmt.Sprintf("http://tracker.example:%d/announce", h.Listener.Addr().(*net.TCPAddr).Port)
	got := run(t, environments.Probe{HTTPTracker: value(target), Timeout: seconds(0.5)})
	got.fails(t, target+": at ::1: announce of the seeder: connection refused, for all of 500ms", "see that")
	if all := strings.Join(got.lines, "\n"); !strings.Contains(all, "127.0.0.1: the leecher sees the seeder at 127.0.0.1:") {
		t.Errorf("%s", all)
	}
	if h.host != target[len("http://"):len(target)-len("/announce")] {
		t.Errorf("asked for host %q", h.host)
	}
}
