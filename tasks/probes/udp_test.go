package probes_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
)

func TestTwoPeersMeetOverUDP(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			u := newUDPTracker(t, net.JoinHostPort(host, "0"))
			u.serve(t)
			at := netip.MustParseAddr(host)
			shown := netip.AddrPortFrom(at, 1).String()
			shown = regexp.QuoteMeta(shown[:len(shown)-1]) + `\d+`
			run(t, environments.Probe{UDPTracker: value(u.url())}).passes(t,
				"the leecher sees the seeder at "+shown+", the seeder sees the leecher at "+shown+", interval 2m0s",
				`scrape counts 1 seeder\(s\), 1 leecher\(s\)`)
			if peers, stops := u.state(); peers != 2 || stops != 2 {
				t.Errorf("%d peers came, %d left", peers, stops)
			}
		})
	}
}

// mapped makes the peers of an answer to an announce 18 bytes long, as a
// tracker on [::] does for IPv4 clients.
func mapped(answer []byte) []byte {
	out := slices.Clone(answer[:20])
	for b := answer[20:]; len(b) >= 6; b = b[6:] {
		four, _ := netip.AddrFromSlice(b[:4])
		six := four.As16()
		out = append(append(out, six[:]...), b[4:6]...)
	}
	return out
}

func number(b []byte, at int, n uint32) []byte {
	if b = slices.Clone(b); len(b) < at+4 { // the answer to a stop has no peers
		return b
	}
	binary.BigEndian.PutUint32(b[at:], n)
	return b
}

func TestAMisbehavingUDPTrackerIsFoundOut(t *testing.T) {
	const connect, announce, scrape = 0, 1, 2
	type alter = func(action uint32, n int, answer []byte) []byte
	on := func(action uint32, from int, change func([]byte) []byte) alter {
		return func(a uint32, n int, answer []byte) []byte {
			if a == action && n >= from {
				return change(answer)
			}
			return answer
		}
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:min(n, len(b))] } }
	refuse := func(words string) func([]byte) []byte {
		return func(b []byte) []byte { return append(number(b[:8], 0, 3), words...) }
	}
	silent := func([]byte) []byte { return nil }
	tamper := func(at int, n uint32) func([]byte) []byte { return func(b []byte) []byte { return number(b, at, n) } }
	for name, test := range map[string]struct {
		host       string
		alter      alter
		text, hint string
	}{
		"silent":            {"", on(connect, 1, silent), "connect: no answer to 3 tries of 500ms", "a private one has no UDP"},
		"silent announce":   {"", on(announce, 2, silent), "announce of the leecher: no answer to 3 tries of 500ms", "firewall"},
		"silent scrape":     {"", on(scrape, 1, silent), "scrape: no answer to 3 tries of 500ms", "firewall"},
		"transaction":       {"", on(connect, 1, tamper(4, 0xdeadbeef)), "connect: the answer has the transaction id 0xdeadbeef, which was never asked with", ""},
		"transaction later": {"", on(scrape, 1, tamper(4, 0xdeadbeef)), "scrape: the answer has the transaction id 0xdeadbeef, which was never asked with", ""},
		"no head":           {"", on(connect, 1, cut(7)), "connect: the answer has 7 bytes, not even the 8 of a head", ""},
		"empty":             {"", on(connect, 1, cut(0)), "connect: the answer has 0 bytes, not even the 8 of a head", ""},
		"short connect":     {"", on(connect, 1, cut(15)), "connect: the answer has 15 bytes, less than the 16 it must have", ""},
		"short announce":    {"", on(announce, 1, cut(19)), "announce of the seeder: the answer has 19 bytes, less than the 20 it must have", ""},
		"short scrape":      {"", on(scrape, 1, cut(16)), "scrape: the answer has 16 bytes, less than the 20 it must have", ""},
		"short peers":       {"", on(announce, 2, cut(25)), "announce of the leecher: 5 bytes of peers are not a multiple of 6", ""},
		"action":            {"", on(announce, 1, tamper(0, 2)), "announce of the seeder: the answer is for action 2, asked was 1", ""},
		"stride":            {"", on(announce, 2, mapped), "announce of the leecher: IPv4 is given peers of 18 bytes instead of 6", "two, 0.0.0.0 and [::]"},
		"stride of IPv6": {"::1", on(announce, 2, func(b []byte) []byte { return append(b[:20:20], 127, 0, 0, 1, 1, 1) }),
			"announce of the leecher: IPv6 is given peers of 6 bytes instead of 18", "two, 0.0.0.0 and [::]"},
		"mapped in IPv6": {"::1", on(announce, 2, func(b []byte) []byte {
			if len(b) < 38 {
				return b
			}
			return append(append(b[:20:20], make([]byte, 10)...), 0xff, 0xff, 10, 0, 0, 1, b[36], b[37])
		}), "announce of the leecher: was given the peer address ::ffff:10.0.0.1, an IPv4 address in IPv6 form", "two, 0.0.0.0 and [::]"},
		"alone":           {"", on(announce, 2, cut(20)), "announce of the leecher: the seeder is not among the peers it was given: there are none", ""},
		"alone, back":     {"", on(announce, 3, cut(20)), "announce of the seeder: the leecher is not among the peers it was given: there are none", ""},
		"stranger":        {"", on(announce, 1, func(b []byte) []byte { return append(b, 192, 0, 2, 1, 0, 80) }), "announce of the seeder: was given the peer 192.0.2.1:80, which nobody announced for this random info-hash", ""},
		"multicast":       {"", on(announce, 2, tamper(20, 0xe0000001)), "announce of the leecher: was given the peer address 224.0.0.1, which is no address of a peer", ""},
		"alone over IPv6": {"::1", on(announce, 2, cut(20)), "announce of the leecher: the seeder is not among the peers it was given: there are none", "external_ip"},
		"interval":        {"", on(announce, 1, tamper(8, 0)), "announce of the seeder: the interval is 0 s", ""},
		"negative":        {"", on(announce, 1, tamper(8, 0xffffffff)), "announce of the seeder: the interval is -1 s", ""},
		"seeders":         {"", on(scrape, 1, tamper(8, 2)), "scrape: counted 2 seeder(s), 1 leecher(s) and 0 completed, where there are 1 and 1 and none completed", ""},
		"leechers":        {"", on(scrape, 1, tamper(16, 0)), "scrape: counted 1 seeder(s), 0 leecher(s) and 0 completed, where there are 1 and 1 and none completed", ""},
		"completed":       {"", on(scrape, 1, tamper(12, 9)), "scrape: counted 1 seeder(s), 1 leecher(s) and 9 completed, where there are 1 and 1 and none completed", ""},
		"refusal":         {"", on(announce, 1, refuse("out of order")), `announce of the seeder: the tracker answers "out of order"`, ""},
		"listed":          {"", on(announce, 1, refuse("The torrent: x, is not whitelisted, src/y.rs")), `announce of the seeder: the tracker answers "The torrent: x, is not whitelisted, src/y.rs"`, "whitelist"},
		"private":         {"", on(announce, 1, refuse("domain tracker requires authentication")), `announce of the seeder: the tracker answers "domain tracker requires authentication"`, "/announce/KEY"},
		"unreadable":      {"", on(connect, 1, func(b []byte) []byte { return append([]byte{0, 0, 0, 3, 0, 0, 0, 0}, "bad request"...) }), `connect: the tracker answers "bad request"`, ""},
		"deaf at stop":    {"", on(announce, 4, refuse("no")), "announce that the seeder has stopped: the tracker answers \"no\"\nannounce that the leecher has stopped: the tracker answers \"no\"", ""},
		"huge words":      {"", on(connect, 1, refuse(strings.Repeat("a", 900))), `connect: the tracker answers "` + strings.Repeat("a", 300) + `"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.host == "" {
				test.host = "127.0.0.1"
			}
			u := newUDPTracker(t, net.JoinHostPort(test.host, "0"))
			u.alter = test.alter
			u.serve(t)
			run(t, environments.Probe{UDPTracker: value(u.url()), Timeout: seconds(2)}).fails(t, u.url()+": "+test.text, test.hint)
		})
	}
}

func TestAnAnswerFromElsewhereIsFoundOut(t *testing.T) {
	u := newUDPTracker(t, "127.0.0.1:0")
	via, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer via.Close()
	u.via = via
	u.serve(t)
	run(t, environments.Probe{UDPTracker: value(u.url())}).fails(t, u.url()+": connect: the answer came from "+via.LocalAddr().String(), "bind it to each address")
}

func TestLostAndLateAndStrangePacketsAreNoFailure(t *testing.T) {
	t.Parallel()
	u := newUDPTracker(t, "127.0.0.1:0")
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	var client netip.AddrPort
	var connected []byte
	u.alter = func(action uint32, n int, answer []byte) []byte {
		switch {
		case action == 0 && n == 1:
			connected = answer
			return nil // lost
		case action == 1 && n == 1:
			for _, client = range u.connections {
			}
			stranger.WriteToUDPAddrPort([]byte("hello, are you there"), client)
			u.conn.WriteToUDPAddrPort(connected, client) // late
		}
		return answer
	}
	u.serve(t)
	run(t, environments.Probe{UDPTracker: value(u.url()), Timeout: seconds(2)}).passes(t,
		"answered at try 2 of 3", "the leecher sees .*", "scrape counts .*")
}

func TestSilentUDP(t *testing.T) {
	t.Parallel()
	u := newUDPTracker(t, "127.0.0.1:0")
	u.serve(t)
	p := environments.Probe{UDPTracker: value(u.url()), Expect: environments.Expect{Silent: true}, Timeout: seconds(4)}
	run(t, p).fails(t, u.url()+": it must be silent, and 16 bytes came back from "+u.conn.LocalAddr().String(), "firewall")

	deaf := newUDPTracker(t, "127.0.0.1:0") // never read
	defer deaf.conn.Close()
	p.UDPTracker = value(deaf.url())
	begin := time.Now()
	run(t, p).passes(t, "silent: no answer in 3s")
	if took := time.Since(begin); took < 3*time.Second {
		t.Errorf("listened for %s only", took)
	}
}
