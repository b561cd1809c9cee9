package probes_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
)

// An httpTracker is a strict tracker over HTTP: what a client does wrong ends
// up in violations. Its answers go through alter, which may misbehave.
type httpTracker struct {
	*httptest.Server
	prefix, suffix string                                       // around announce and scrape in the path
	alter          func(what string, n int, body string) string // n counts the answers of what

	lock       sync.Mutex
	swarm      swarm
	answered   map[string]int
	violations []string
	host       string // of the last request
	stopped    int
}

// newHTTPTracker serves until the test ends, and then fails it where the
// client was wrong or left peers behind.
func newHTTPTracker(t *testing.T, address string) *httpTracker {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	h := &httpTracker{
		alter: func(_ string, _ int, body string) string { return body },
		swarm: swarm{}, answered: map[string]int{},
	}
	h.Server = httptest.NewUnstartedServer(h)
	h.Listener.Close()
	h.Listener = l
	h.Start()
	t.Cleanup(func() {
		h.Close()
		for _, v := range h.violations {
			t.Errorf("the client was wrong: %s", v)
		}
		if len(h.swarm) > 0 {
			t.Errorf("left behind: %v", h.swarm)
		}
	})
	return h
}

func (h *httpTracker) announceURL() string { return h.URL + h.prefix + "/announce" + h.suffix }

// ServeHTTP answers an announce or a scrape.
func (h *httpTracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.host = r.Host
	var what, body string
	var err error
	switch r.URL.EscapedPath() {
	case h.prefix + "/announce" + h.suffix:
		what = "announce"
		body, err = h.announce(r)
	case h.prefix + "/scrape" + h.suffix:
		what = "scrape"
		body, err = h.scrape(r)
	default:
		err = fmt.Errorf("path %s", r.URL)
	}
	if err != nil {
		h.violations = append(h.violations, err.Error())
		return
	}
	h.answered[what]++
	body = h.alter(what, h.answered[what], body)
	switch {
	case body == "hang up":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	case strings.HasPrefix(body, "status "):
		code, text, _ := strings.Cut(strings.TrimPrefix(body, "status "), " ")
		n, _ := strconv.Atoi(code)
		http.Error(w, text, n)
	default:
		fmt.Fprint(w, body)
	}
}

// parameters decodes a query as a tracker does: percent-encoding only.
func parameters(r *http.Request) (map[string]string, error) {
	got := map[string]string{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, text, _ := strings.Cut(pair, "=")
		v, err := url.PathUnescape(text)
		if err != nil || strings.Contains(text, "+") || got[name] != "" {
			return nil, fmt.Errorf("query %q", r.URL.RawQuery)
		}
		got[name] = v
	}
	return got, nil
}

func (h *httpTracker) announce(r *http.Request) (string, error) {
	q, err := parameters(r)
	if err != nil {
		return "", err
	}
	port, err := strconv.ParseUint(q["port"], 10, 16)
	left, lerr := strconv.Atoi(q["left"])
	if err != nil || lerr != nil || len(q["info_hash"]) != 20 || len(q["peer_id"]) != 20 || q["compact"] != "1" ||
		!slices.Contains([]string{"", "started", "stopped"}, q["event"]) || q["uploaded"] != "0" || q["downloaded"] != "0" {
		return "", fmt.Errorf("announce %q", q)
	}
	hash, id := [20]byte([]byte(q["info_hash"])), [20]byte([]byte(q["peer_id"]))
	var others []netip.AddrPort
	if q["event"] == "stopped" {
		h.swarm.remove(hash, id)
		h.stopped++
	} else {
		from := netip.MustParseAddrPort(r.RemoteAddr).Addr().Unmap()
		h.swarm.put(hash, id, member{netip.AddrPortFrom(from, uint16(port)), left == 0})
		others = h.swarm.others(hash, id)
	}
	var four, six []byte
	for _, p := range others {
		if p.Addr().Is4() {
			four = append(four, compact(p)...)
		} else {
			six = append(six, compact(p)...)
		}
	}
	seeders, leechers := h.swarm.count(hash)
	return fmt.Sprintf("d8:completei%de10:incompletei%de8:intervali300e12:min intervali300e5:peers%d:%s6:peers6%d:%se",
		seeders, leechers, len(four), four, len(six), six), nil
}

func (h *httpTracker) scrape(r *http.Request) (string, error) {
	q, err := parameters(r)
	if err != nil || len(q["info_hash"]) != 20 {
		return "", fmt.Errorf("scrape %q", r.URL.RawQuery)
	}
	seeders, leechers := h.swarm.count([20]byte([]byte(q["info_hash"])))
	return fmt.Sprintf("d5:filesd20:%sd8:completei%de10:downloadedi0e10:incompletei%deeee", q["info_hash"], seeders, leechers), nil
}

func TestTwoPeersMeetOverHTTP(t *testing.T) {
	for name, test := range map[string]struct{ host, prefix, suffix, shown string }{
		"IPv4":      {host: "127.0.0.1", shown: `127\.0\.0\.1:\d+`},
		"IPv6":      {host: "::1", shown: `\[::1\]:\d+`},
		"key":       {host: "127.0.0.1", suffix: "/YZSl4lMZupRuOpSRC3krIKR5BPB14nrJ", shown: `127\.0\.0\.1:\d+`},
		"in a path": {host: "127.0.0.1", prefix: "/a%20b/announce", suffix: ".php", shown: `127\.0\.0\.1:\d+`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHTTPTracker(t, net.JoinHostPort(test.host, "0"))
			h.prefix, h.suffix = test.prefix, test.suffix
			run(t, environments.Probe{HTTPTracker: value(h.announceURL())}).passes(t,
				"the leecher sees the seeder at "+test.shown+", the seeder sees the leecher at "+test.shown+", interval 5m0s",
				`scrape counts 1 seeder\(s\), 1 leecher\(s\)`)
			if h.stopped != 2 {
				t.Errorf("%d stops", h.stopped)
			}
		})
	}
}

func TestPeersInAList(t *testing.T) {
	h := newHTTPTracker(t, "127.0.0.1:0")
	h.alter = func(what string, _ int, body string) string {
		if what != "announce" {
			return body
		}
		list := ""
		for _, members := range h.swarm {
			for id, m := range members {
				list += fmt.Sprintf("d2:ip9:127.0.0.17:peer id20:%s4:porti%dee", id, m.at.Port())
			}
		}
		return "d8:intervali1e5:peersl" + list + "e15:warning message4:slowe"
	}
	run(t, environments.Probe{HTTPTracker: value(h.announceURL())}).passes(t,
		`the tracker warns: "slow"`, `the tracker warns: "slow"`, `the tracker warns: "slow"`,
		"the leecher sees .*, interval 1s", "scrape .*", `the tracker warns: "slow"`, `the tracker warns: "slow"`)
}

func TestAMisbehavingHTTPTrackerIsFoundOut(t *testing.T) {
	at := func(what string, from int, answer string) func(string, int, string) string {
		return func(w string, n int, body string) string {
			if w == what && n >= from {
				return answer
			}
			return body
		}
	}
	refuse := func(words string) func(string, int, string) string {
		return at("announce", 1, fmt.Sprintf("d14:failure reason%d:%se", len(words), words))
	}
	mapped := func(w string, n int, body string) string {
		before, peers, _ := strings.Cut(body, "5:peers6:")
		if w != "announce" || peers == "" {
			return body
		}
		return before + "5:peers0:6:peers618:\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff" + peers[:6] + "e"
	}
	const xff = "Error resolving peer IP: missing or invalid the right most X-Forwarded-For IP (mandatory on reverse proxy tracker configuration)"
	const private = "Authentication error: Missing authentication key param for private tracker. Error in src/x.rs:1:2"
	for name, test := range map[string]struct {
		alter      func(string, int, string) string
		text, hint string
	}{
		"proxied":      {refuse(xff), `announce of the seeder: the tracker answers "` + xff + `"`, "without proxied = True"},
		"private":      {refuse(private), `announce of the seeder: the tracker answers "` + private + `"`, "/announce/KEY"},
		"out of order": {refuse("out of order"), `announce of the seeder: the tracker answers "out of order"`, ""},
		"status":       {at("announce", 1, "status 502 bad gateway"), `announce of the seeder: the status is 502 instead of 200: "bad gateway\n"`, ""},
		"HTML":         {at("announce", 1, "<html>"), `announce of the seeder: the answer is not bencoded (byte 0: '<' begins no value): "<html>"`, ""},
		"empty":        {at("announce", 1, ""), `announce of the seeder: the answer is not bencoded (byte 0: it ends in the middle): ""`, ""},
		"list":         {at("announce", 1, "le"), `announce of the seeder: the answer is not a dictionary: "le"`, ""},
		"no interval":  {at("announce", 1, "d5:peers0:e"), "announce of the seeder: the answer has no interval", ""},
		"interval":     {at("announce", 1, "d8:intervali0e5:peers0:e"), "announce of the seeder: the interval is 0 s", ""},
		"no peers":     {at("announce", 1, "d8:intervali1ee"), "announce of the seeder: the answer has no peers", ""},
		"number":       {at("announce", 1, "d8:intervali1e5:peersi1ee"), "announce of the seeder: the peers are neither a string nor a list", ""},
		"list of what": {at("announce", 1, "d8:intervali1e5:peersl1:xee"), `announce of the seeder: a peer in the list has no ip and port`, ""},
		"peers6":       {at("announce", 1, "d8:intervali1e5:peers0:6:peers6lee"), "announce of the seeder: peers6 is not a string", ""},
		"stride":       {at("announce", 2, "d8:intervali1e5:peers5:12345e"), "announce of the leecher: 5 bytes of peers are not a multiple of 6", ""},
		"stride 6":     {at("announce", 2, "d8:intervali1e5:peers0:6:peers66:123456e"), "announce of the leecher: IPv6 is given peers of 6 bytes instead of 18", "dual_stack"},
		"mapped":       {mapped, "announce of the leecher: was given the peer address ::ffff:127.0.0.1, an IPv4 address in IPv6 form", "dual_stack"},
		"alone":        {at("announce", 2, "d8:intervali1e5:peers0:e"), "announce of the leecher: the seeder is not among the peers it was given: there are none", ""},
		"stranger":     {at("announce", 2, "d8:intervali1e6:peers618:\xfd\x00345678901234\x00\x01\x01\x02e"), "announce of the leecher: was given the peer [fd00:3334:3536:3738:3930:3132:3334:1]:258, which nobody announced for this random info-hash", ""},
		"counts":       {at("scrape", 1, "d5:filesdee"), "scrape: the answer is about 0 info-hashes, the one that was asked for among them: false", ""},
		"no files":     {at("scrape", 1, "de"), "scrape: the answer has no files", ""},
		"no scrape":    {at("scrape", 1, "status 404 not found"), `scrape: the status is 404 instead of 200: "not found\n"`, ""},
		"zeros": {func(w string, _ int, body string) string {
			return strings.Replace(body, "d8:completei1e10:downloaded", "d8:completei0e10:downloaded", 1)
		}, "scrape: counted 0 seeder(s), 1 leecher(s) and 0 completed, where there are 1 and 1 and none completed", ""},
		"missing count": {func(w string, _ int, body string) string {
			return strings.Replace(body, "10:downloadedi0e", "", 1)
		}, `scrape: the answer has no count "downloaded"`, ""},
		"now and then": {at("scrape", 1, "hang up"), "scrape: connection closed at once", ""},
		"once only":    {at("announce", 2, "hang up"), "announce of the leecher: connection closed at once", ""},
		"long":         {at("announce", 1, strings.Repeat("x", 1<<20+1)), "announce of the seeder: the body is longer than 1048576 bytes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHTTPTracker(t, "127.0.0.1:0")
			h.alter = test.alter
			run(t, environments.Probe{HTTPTracker: value(h.announceURL()), Timeout: seconds(5)}).fails(t, h.announceURL()+": "+test.text, test.hint)
		})
	}
}
