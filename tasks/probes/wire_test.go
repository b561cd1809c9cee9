package probes

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestBencode(t *testing.T) {
	type list = []any
	type dictionary = map[string]any
	for in, want := range map[string]any{
		"i0e": int64(0), "i-9223372036854775808e": int64(-1 << 63), "i42e": int64(42),
		"0:": "", "3:a:e": "a:e", "le": list{}, "de": dictionary{},
		"l1:ai1elee":        list{"a", int64(1), list{}},
		"d0:i1e1:ad1:bleee": dictionary{"": int64(1), "a": dictionary{"b": list{}}},
		strings.Repeat("l", 17) + strings.Repeat("e", 17): nested(17),
	} {
		if got, err := bdecode([]byte(in)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"":                                     "byte 0: it ends in the middle",
		"x":                                    "byte 0: 'x' begins no value",
		"e":                                    "byte 0: 'e' begins no value",
		"i1ei2e":                               "byte 3: 3 bytes follow the value",
		"i1":                                   "byte 1: a number without its 'e'",
		"i01e":                                 "byte 1: a number that is none, or not in its shortest form",
		"i-0e":                                 "byte 1: a number that is none, or not in its shortest form",
		"i+1e":                                 "byte 1: a number that is none, or not in its shortest form",
		"ie":                                   "byte 1: a number that is none, or not in its shortest form",
		"i9223372036854775808e":                "byte 1: a number that is none, or not in its shortest form",
		"i" + strings.Repeat("1", 1<<20) + "e": "byte 1: a number without its 'e'",
		"03:abc":                               "byte 0: a number that is none, or not in its shortest form",
		"4:abc":                                "byte 2: a string of 4 bytes in the last 3",
		"9223372036854775807:a":                "byte 20: a string of 9223372036854775807 bytes in the last 1",
		"l":                                    "byte 1: it ends in the middle",
		"d1:a":                                 "byte 4: it ends in the middle",
		"d":                                    "byte 1: it ends in the middle",
		"di1e1:ae":                             "byte 1: 'i' begins no key",
		"d1:ae":                                "byte 4: 'e' begins no value",
		"d1:bi1e1:ai1ee":                       "byte 10: the keys of a dictionary are not sorted, or one comes twice",
		"d1:ai1e1:ai1ee":                       "byte 10: the keys of a dictionary are not sorted, or one comes twice",
		strings.Repeat("l", 1<<20):             "byte 17: more than 16 levels",
	} {
		if got, err := bdecode([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%.40q: %v, %v, want %s", in, got, err, want)
		}
	}
}

func nested(levels int) any {
	v := []any{}
	for range levels - 1 {
		v = []any{v}
	}
	return v
}

// bencode writes what bdecode reads.
func bencode(v any) string {
	switch v := v.(type) {
	case int64:
		return "i" + strconv.FormatInt(v, 10) + "e"
	case string:
		return strconv.Itoa(len(v)) + ":" + v
	case []any:
		out := "l"
		for _, e := range v {
			out += bencode(e)
		}
		return out + "e"
	}
	out, d := "d", v.(map[string]any)
	for _, k := range slices.Sorted(maps.Keys(d)) {
		out += bencode(k) + bencode(d[k])
	}
	return out + "e"
}

// FuzzBencode: what is accepted has one form only, and both readers of it
// live with anything.
func FuzzBencode(f *testing.F) {
	for _, seed := range []string{
		"d8:completei1e10:incompletei0e8:intervali300e12:min intervali300e5:peers6:\x7f\x00\x00\x01\x1a\xe16:peers60:e",
		"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi0e10:incompletei0eeee",
		"d14:failure reason2:noe", "d8:intervali1e5:peersld2:ip3:::14:porti1eeee", "lli-1ee0:e",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := bdecode(b)
		if err != nil {
			return
		}
		if again := bencode(v); again != string(b) {
			t.Errorf("%q was read as %q", b, again)
		}
		answer, ok := v.(map[string]any)
		if !ok {
			return
		}
		if got, err := readAnnouncement(answer); err == nil {
			for _, p := range got.peers {
				_ = (path{}).plausible(p.Addr())
			}
		}
		_, _ = readCounts(answer, [20]byte([]byte("aaaaaaaaaaaaaaaaaaaa")))
	})
}

// FuzzUDPAnswer: any packet is an answer or an error.
func FuzzUDPAnswer(f *testing.F) {
	head := func(action uint32, rest string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, action), "txid"+rest...)
	}
	f.Add(head(actionConnect, "12345678"))
	f.Add(head(actionAnnounce, strings.Repeat("\x00\x00\x00\x01", 3)+"\x7f\x00\x00\x01\x00\x01"))
	f.Add(head(actionAnnounce, strings.Repeat("\x00\x00\x00\x01", 3)+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x7f\x00\x00\x01\x00\x01"))
	f.Add(head(actionScrape, strings.Repeat("\x00\x00\x00\x01", 3)))
	f.Add(head(actionError, "no"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		hash, _, p := swarm()
		if _, ok := transactionOf(packet); ok != (len(packet) >= 8) {
			t.Error("a transaction id out of nothing")
		}
		if body, err := connectRequest().body(packet); err == nil && len(body) < 8 {
			t.Error("no room for a connection id")
		}
		if body, err := scrapeRequest(1, hash).body(packet); err == nil {
			udpCounts(body)
		}
		body, err := announceRequest(1, hash, p, started).body(packet)
		if err != nil {
			return
		}
		for _, v4 := range []bool{true, false} {
			got, err := udpAnnouncement(body, v4)
			if err != nil {
				continue
			}
			for _, at := range got.peers {
				if at.Addr().Is4() != v4 {
					t.Errorf("%s is of the wrong family", at)
				}
			}
		}
	})
}

func TestPlausible(t *testing.T) {
	for _, test := range []struct{ remote, local, seen, want string }{
		{"127.0.0.1", "127.0.0.1", "127.0.0.1", ""},
		{"127.0.0.1", "127.0.0.1", "10.0.2.2", ""}, // a user-mode network
		{"127.0.0.1", "127.0.0.1", "0.0.0.0", ""},  // replaced by the tracker
		{"::1", "::1", "203.0.113.1", ""},
		{"127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1", "was given the peer address ::ffff:127.0.0.1, an IPv4 address in IPv6 form"},
		{"127.0.0.1", "127.0.0.1", "224.0.0.1", "was given the peer address 224.0.0.1, which is no address of a peer"},
		{"192.0.2.1", "192.168.1.2", "0.0.0.0", "was given the peer address 0.0.0.0, which is no address of a peer"},
		{"192.0.2.1", "192.168.1.2", "198.51.100.7", ""},
		{"192.0.2.1", "10.8.0.2", "10.8.0.2", ""}, // a private network with public addresses in it
		{"192.0.2.1", "192.168.1.2", "172.18.0.1", "announced from outside and is known with 172.18.0.1, an address of a private network"},
		{"192.0.2.1", "192.168.1.2", "127.0.0.1", "announced from outside and is known with 127.0.0.1, an address of a private network"},
		{"2001:db8::1", "2001:db8:1::1", "fd00:77:1::1", "announced from outside and is known with fd00:77:1::1, an address of a private network"},
		{"2001:db8::1", "2001:db8:1::1", "172.18.0.1", "announced over IPv6 and is known with 172.18.0.1"},
		{"192.0.2.1", "192.168.1.2", "fd00::1", "announced over IPv4 and is known with fd00::1"},
		{"192.0.2.1", "192.168.1.2", "::ffff:1.2.3.4", "was given the peer address ::ffff:1.2.3.4, an IPv4 address in IPv6 form"},
		{"192.0.2.1", "192.168.1.2", "224.0.0.1", "was given the peer address 224.0.0.1, which is no address of a peer"},
		{"2001:db8::1", "2001:db8:1::1", "::", "was given the peer address ::, which is no address of a peer"},
	} {
		p := path{remote: netip.AddrPortFrom(netip.MustParseAddr(test.remote), 1), local: netip.MustParseAddr(test.local)}
		got := ""
		if err := p.plausible(netip.MustParseAddr(test.seen)); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v: %q", test, got)
		}
	}
}

func TestAnAddressShowsNoMore(t *testing.T) {
	for in, want := range map[string]string{
		"http://h:1/announce/k?t=x#y": "http://h:1/announce/k", "http://u:p@h/": "http://h/", "udp://[::1]:6969": "udp://[::1]:6969",
		"http://u:p/q@h/": "http://…", "h:80": "h:80", "http://h/(secret A B)": "http://h/(secret A B)", "http://h?x": "http://h",
		"http://(secret A)/": "http://…", "http://h/%0a": "http://h/%0a",
	} {
		if got := address(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestTwoDifferentPeersAreMadeUp(t *testing.T) {
	_, a, b := swarm()
	if a.port == b.port || a.port < 1024 || b.port < 1024 || a.id == b.id || a.left != 0 || b.left == 0 {
		t.Errorf("%+v, %+v", a, b)
	}
	if fmt.Sprintf("%.8s", a.id[:]) != "-TD0001-" {
		t.Errorf("%q", a.id)
	}
}
