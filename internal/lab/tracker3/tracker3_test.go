package tracker3

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// said is what a running stand-in has written.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start runs a stand-in on ports of its own, and returns the address of each
// of its listeners by kind, in the order of the file.
func start(t *testing.T, text string, environ ...string) map[string][]string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, done := &said{}, make(chan error, 1)
	go func() { done <- Run(ctx, []byte(text), environ, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), "health_check_api listens"); {
		select {
		case err := <-done:
			done <- err
			t.Fatalf("it ended: %v\n%s", err, out)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not listen:\n%s", out)
		}
	}
	at := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		if kind, address, ok := strings.Cut(strings.TrimSpace(line), " listens at "); ok {
			at[kind] = append(at[kind], address)
		}
	}
	return at
}

const base = `
[metadata]
schema_version = "3.0.0"
[logging]
trace_filter = "info"
[core]
listed = false
private = false
[core.announce_policy]
interval = 300
[health_check_api]
bind_address = "127.0.0.1:0"
[http_api]
bind_address = "127.0.0.1:0"
[http_api.access_tokens]
admin = "swordfish"
[[udp_trackers]]
bind_address = "127.0.0.1:0"
tracker_usage_statistics = true
[[udp_trackers]]
bind_address = "[::1]:0"
tracker_usage_statistics = true
[udp_trackers.network]
ipv6_v6only = true
[[http_trackers]]
bind_address = "127.0.0.1:0"
tracker_usage_statistics = true
[[http_trackers]]
bind_address = "[::1]:0"
tracker_usage_statistics = true
`

// get returns the status and body of a URL.
func get(t *testing.T, method, url string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(`{"key": null, "seconds_valid": 60}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

const torrent = "aaaaaaaaaaaaaaaaaaaa"

func announceURL(address, id string, port int, more string) string {
	return fmt.Sprintf("http://%s/announce?info_hash=%s&peer_id=%s&port=%d&uploaded=0&downloaded=0&left=1&compact=1%s", address, torrent, strings.Repeat(id, 20), port, more)
}

// udp sends a packet and returns the answer.
func udp(t *testing.T, c *net.UDPConn, packet []byte) []byte {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(packet); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 2048)
	n, err := c.Read(reply)
	if err != nil {
		t.Fatal(err)
	}
	return reply[:n]
}

// announceUDP announces a leecher at port and returns the whole answer.
func announceUDP(t *testing.T, address string, port uint16) []byte {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.DialUDP("udp", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	connect := binary.BigEndian.AppendUint64(nil, protocolID)
	reply := udp(t, c, append(connect, 0, 0, 0, 0, 0, 0, 0, 7))
	if len(reply) != 16 {
		t.Fatalf("connect: %d bytes", len(reply))
	}
	p := append(append([]byte{}, reply[8:16]...), 0, 0, 0, 1, 0, 0, 0, 8)
	p = append(p, torrent...)
	p = append(p, strings.Repeat("u", 20)...)
	p = append(p, make([]byte, 8)...)
	p = binary.BigEndian.AppendUint64(p, 1) // left
	p = append(p, make([]byte, 20)...)
	p = binary.BigEndian.AppendUint32(p, 0xffffffff)
	return udp(t, c, binary.BigEndian.AppendUint16(p, port))
}

// Peers find each other over both protocols and families, are counted as what
// they are, and the health check asks every listener.
func TestAnnounces(t *testing.T) {
	at := start(t, base)
	if reply := announceUDP(t, at["udp"][0], 1001); len(reply) != 20 || binary.BigEndian.Uint32(reply[8:]) != 300 {
		t.Errorf("first announce: %x", reply)
	}
	if reply := announceUDP(t, at["udp"][0], 1002); len(reply) != 26 || string(reply[20:26]) != "\x7f\x00\x00\x01\x03\xe9" {
		t.Errorf("second announce: %x", reply)
	}
	if reply := announceUDP(t, at["udp"][1], 1003); len(reply) != 20 {
		t.Errorf("an IPv6 client is given IPv4 peers: %x", reply)
	}
	if reply := announceUDP(t, at["udp"][1], 1004); len(reply) != 38 || reply[36] != 0x03 || reply[37] != 0xeb {
		t.Errorf("second IPv6 announce: %x", reply)
	}
	_, body := get(t, "GET", announceURL(at["http_tracker"][0], "h", 1005, ""))
	for _, want := range []string{"8:intervali300e", "10:incompletei5e", "5:peers12:", "6:peers636:"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %q", want, body)
		}
	}
	_, body = get(t, "GET", "http://"+at["http_tracker"][0]+"/scrape?info_hash="+torrent)
	if body != "d5:filesd20:"+torrent+"d8:completei0e10:downloadedi0e10:incompletei5eeee" {
		t.Errorf("scrape: %q", body)
	}
	_, text := get(t, "GET", "http://"+at["tracker_rest_api"][0]+"/api/v1/metrics?format=prometheus", "Authorization", "Bearer swordfish")
	_, port, _ := net.SplitHostPort(at["http_tracker"][0])
	for _, want := range []string{
		`http_tracker_core_requests_received_total{client_address_ip_family="inet",client_address_ip_type="plain",request_kind="announce",server_binding_address_ip_family="inet",server_binding_address_ip_type="plain",server_binding_ip="127.0.0.1",server_binding_port="0",server_binding_protocol="http"} 1`,
		`udp_tracker_server_requests_accepted_total{client_address_ip_family="inet6",client_address_ip_type="plain",request_kind="announce",server_binding_address_ip_family="inet6",server_binding_address_ip_type="plain",server_binding_ip="::1",server_binding_port="0",server_binding_protocol="udp"} 2`,
		"swarm_coordination_registry_torrents_total 1\n",
		`swarm_coordination_registry_peer_connections_total{peer_role="leecher"} 5`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s (port %s)", want, text, port)
		}
	}
	var health struct {
		Status  string
		Details []struct{ Result map[string]string }
	}
	_, body = get(t, "GET", "http://"+at["health_check_api"][0]+"/health_check")
	if err := json.Unmarshal([]byte(body), &health); err != nil || health.Status != "Ok" || len(health.Details) != 5 {
		t.Errorf("health: %v %s", err, body)
	}
}

// The API wants a token, in the header or in the query.
func TestAPI(t *testing.T) {
	at := start(t, strings.Replace(base, "listed = false", "listed = true", 1)+"\n[core.database]\ndriver = \"sqlite3\"\npath = \"x.db\"\n")
	api := "http://" + at["tracker_rest_api"][0]
	cases := []struct {
		path, want string
		status     int
		header     []string
	}{
		{"/api/v1/stats", "unauthorized", 500, nil},
		{"/api/v1/stats?token=wrong", "token not valid", 500, nil},
		{"/api/v1/stats?token=swordfish", `"torrents":0`, 200, nil},
		{"/api/v1/stats?token=swordfish", "token not valid", 500, []string{"Authorization", "Bearer wrong"}},
		{"/api/v1/stats?format=prometheus", "udp4_announces_handled 0\n", 200, []string{"Authorization", "Bearer swordfish"}},
		{"/api/v1/metrics?token=swordfish", `"type":"counter"`, 200, nil},
		{"/elsewhere", "unauthorized", 500, nil},
		{"/api/health_check", `"Ok"`, 200, nil},
	}
	for _, c := range cases {
		if status, body := get(t, "GET", api+c.path, c.header...); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %v: %d %s", c.path, c.header, status, body)
		}
	}
	announce := announceURL(at["http_tracker"][0], "h", 1005, "")
	if _, body := get(t, "GET", announce); !strings.Contains(body, "not on the whitelist") {
		t.Errorf("announce before: %s", body)
	}
	hash := strings.Repeat("61", 20)
	if status, body := get(t, "POST", api+"/api/v1/whitelist/"+hash+"?token=swordfish"); status != 200 {
		t.Errorf("whitelist: %s", body)
	}
	if _, body := get(t, "GET", announce); !strings.Contains(body, "5:peers") {
		t.Errorf("announce after: %s", body)
	}
}

// A private tracker serves no UDP, and over HTTP only with a key.
func TestKeys(t *testing.T) {
	at := start(t, strings.Replace(base, "private = false", "private = true", 1)+"\n[core.database]\ndriver = \"sqlite3\"\npath = \"x.db\"\n")
	if len(at["udp"]) != 0 {
		t.Errorf("UDP at %v", at["udp"])
	}
	announce := announceURL(at["http_tracker"][0], "h", 1005, "")
	if _, body := get(t, "GET", announce); !strings.Contains(body, "failure reason") {
		t.Errorf("without a key: %s", body)
	}
	_, body := get(t, "POST", "http://"+at["tracker_rest_api"][0]+"/api/v1/keys?token=swordfish")
	var k key
	if err := json.Unmarshal([]byte(body), &k); err != nil || len(k.Key) != 32 || k.Expiry == nil {
		t.Fatalf("key: %v %s", err, body)
	}
	if _, body := get(t, "GET", strings.Replace(announce, "/announce", "/announce/"+k.Key, 1)); !strings.Contains(body, "5:peers") {
		t.Errorf("with a key: %s", body)
	}
}

// Behind a reverse proxy the last address of X-Forwarded-For is the client's.
func TestProxied(t *testing.T) {
	at := start(t, base+"[http_trackers.network]\non_reverse_proxy = true\nipv6_v6only = true\n")
	announce := announceURL(at["http_tracker"][1], "h", 1005, "")
	if _, body := get(t, "GET", announce); !strings.Contains(body, "X-Forwarded-For is missing") {
		t.Errorf("without the header: %s", body)
	}
	get(t, "GET", announce, "X-Forwarded-For", "198.51.100.1, 203.0.113.9")
	_, body := get(t, "GET", announceURL(at["http_tracker"][1], "i", 1006, ""), "X-Forwarded-For", "203.0.113.8")
	if !strings.Contains(body, "5:peers6:\xcb\x00\x71\x09\x03\xed") {
		t.Errorf("peers: %q", body)
	}
}

// Wrong configurations end it, also where a variable made them so.
func TestRefuses(t *testing.T) {
	cases := []struct{ text, variable, want string }{
		{base + "[shiny]\n", "", "'shiny'"},
		{strings.Replace(base, "listed = false\n", "", 1), "", "'listed'"},
		{strings.Replace(base, "3.0.0", "2.0.0", 1), "", "schema_version"},
		{base, "TORRUST_TRACKER_CONFIG_OVERRIDE_HTTP_API__ACCESS_TOKENS__ADMIN=123", "got number, want string"},
		{strings.Replace(base, "127.0.0.1:0", "300.0.0.1:0", 1), "", "bind_address"},
	}
	for _, c := range cases {
		err := Run(t.Context(), []byte(c.text), []string{c.variable}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
