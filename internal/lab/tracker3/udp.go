package tracker3

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A udpTracker is one UDP listener (BEP 15).
type udpTracker struct {
	*tracker
	l       listener
	socket  *net.UDPConn
	labels  labels
	secret  [32]byte
	started time.Time

	mu     sync.Mutex
	errors map[netip.Addr]int // wrong connection ids since the last reset
	reset  time.Time
}

// protocolID opens the first packet of a client.
const protocolID = 0x41727101980

// The actions of a packet.
const (
	actionConnect uint32 = iota
	actionAnnounce
	actionScrape
	actionError
)

var udpKinds = [...]string{actionConnect: "connect", actionAnnounce: "announce", actionScrape: "scrape"}

// serveUDP opens a UDP listener.
func (t *tracker) serveUDP(ctx context.Context, l listener) error {
	at := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(l.Bind))
	socket, err := net.ListenUDP(l.network("udp"), at)
	if err != nil {
		return fmt.Errorf("udp: %w", err)
	}
	t.closeLater(socket)
	u := &udpTracker{tracker: t, l: l, socket: socket, labels: binding("udp", l.Bind), errors: map[netip.Addr]int{}, started: time.Now(), reset: time.Now()}
	if _, err := rand.Read(u.secret[:]); err != nil {
		return err
	}
	t.say("udp listens at %s", socket.LocalAddr())
	t.check = append(t.check, service{kind: "udp_tracker", scheme: "udp", address: socket.LocalAddr().String(), shown: l.Bind})
	go u.serve(ctx)
	return nil
}

func (u *udpTracker) serve(ctx context.Context) {
	packet := make([]byte, 2048)
	for {
		n, from, err := u.socket.ReadFromUDPAddrPort(packet)
		if err != nil {
			if ctx.Err() == nil {
				u.say("udp %s: %v", u.l.Bind, err)
			}
			return
		}
		if reply := u.handle(ctx, packet[:n], from); reply != nil {
			u.count("udp_tracker_server_responses_sent_total", from.Addr(), replyLabels(reply))
			if _, err := u.socket.WriteToUDPAddrPort(reply, from); err != nil {
				u.say("udp %s: %v", u.l.Bind, err)
			}
		}
	}
}

func replyLabels(reply []byte) labels {
	action := binary.BigEndian.Uint32(reply)
	if action == actionError {
		return labels{"result": "error"}
	}
	return labels{"result": "ok", "request_kind": udpKinds[action]}
}

// handle returns the answer to a packet; nil for none.
func (u *udpTracker) handle(ctx context.Context, p []byte, from netip.AddrPort) []byte {
	u.count("udp_tracker_server_requests_received_total", from.Addr(), nil)
	if u.banned(from.Addr()) {
		u.count("udp_tracker_server_requests_banned_total", from.Addr(), nil)
		return nil
	}
	if len(p) < 16 {
		return nil
	}
	started := time.Now()
	action, transaction := binary.BigEndian.Uint32(p[8:]), p[12:16]
	reply, err := u.answer(ctx, action, p, from)
	if err != nil {
		u.count("udp_tracker_server_errors_total", from.Addr(), nil)
		return append(binary.BigEndian.AppendUint32(nil, actionError), append(transaction[:4:4], err.Error()...)...)
	}
	kind := labels{"request_kind": udpKinds[action]}
	u.count("udp_tracker_server_requests_accepted_total", from.Addr(), kind)
	if u.counts() {
		u.metrics.took(u.labels.with(kind), time.Since(started))
	}
	head := append(binary.BigEndian.AppendUint32(nil, action), transaction...)
	return append(head, reply...)
}

// answer returns what follows action and transaction in the reply.
func (u *udpTracker) answer(ctx context.Context, action uint32, p []byte, from netip.AddrPort) ([]byte, error) {
	connection := binary.BigEndian.Uint64(p)
	if action == actionConnect {
		if connection != protocolID || len(p) < 16 {
			return nil, fmt.Errorf("this is no connect request")
		}
		return binary.BigEndian.AppendUint64(nil, u.cookie(from, u.epoch())), nil
	}
	if action > actionScrape {
		return nil, fmt.Errorf("unknown action %d", action)
	}
	if !u.valid(connection, from) {
		u.count("udp_tracker_server_connection_id_errors_total", from.Addr(), nil)
		u.wrong(from.Addr())
		return nil, fmt.Errorf("connection id is not valid")
	}
	if action == actionAnnounce {
		return u.announce(ctx, p, from)
	}
	return u.scrape(p)
}

var udpEvents = [...]string{"", "completed", "started", "stopped"}

func (u *udpTracker) announce(ctx context.Context, p []byte, from netip.AddrPort) ([]byte, error) {
	if len(p) < 98 {
		return nil, fmt.Errorf("the announce has %d bytes, want 98", len(p))
	}
	a := announce{
		torrent: infoHash(p[16:36]), id: [20]byte(p[36:56]), left: binary.BigEndian.Uint64(p[64:]),
		want: int(int32(binary.BigEndian.Uint32(p[92:]))),
		at:   netip.AddrPortFrom(u.l.external(from.Addr()), binary.BigEndian.Uint16(p[96:])),
	}
	if event := binary.BigEndian.Uint32(p[80:]); event < uint32(len(udpEvents)) {
		a.event = udpEvents[event]
	}
	if err := u.access.torrent(a.torrent); err != nil {
		return nil, err
	}
	// On a socket for both families an IPv4 client has an IPv6 address, and
	// gets its answer in that format: so does the original.
	four := from.Addr().Is4()
	got, err := u.swarms.announce(ctx, a, func(ip netip.Addr) bool { return ip.Is4() == four })
	if err != nil {
		return nil, err
	}
	reply := binary.BigEndian.AppendUint32(nil, u.config.Core.Announce.Interval)
	reply = binary.BigEndian.AppendUint32(reply, got.leechers)
	reply = binary.BigEndian.AppendUint32(reply, got.seeders)
	for _, f := range got.peers {
		reply = appendPeer(reply, f.at)
	}
	return reply, nil
}

// appendPeer appends an address in the compact form of its family.
func appendPeer(b []byte, at netip.AddrPort) []byte {
	return binary.BigEndian.AppendUint16(append(b, at.Addr().AsSlice()...), at.Port())
}

// mostScraped is how many torrents one scrape may name.
const mostScraped = 74

func (u *udpTracker) scrape(p []byte) ([]byte, error) {
	var reply []byte
	for i, rest := 0, p[16:]; len(rest) >= 20 && i < mostScraped; i, rest = i+1, rest[20:] {
		var a answer
		if torrent := infoHash(rest); u.access.torrent(torrent) == nil {
			a = u.swarms.scrape(torrent)
		}
		for _, n := range []uint32{a.seeders, a.completed, a.leechers} {
			reply = binary.BigEndian.AppendUint32(reply, n)
		}
	}
	return reply, nil
}

// epoch is the number of the current lifetime of connection ids.
func (u *udpTracker) epoch() int64 {
	return int64(time.Since(u.started) / (time.Duration(max(u.l.Cookie.Seconds, 1)) * time.Second))
}

// cookie is the connection id of a client.
func (u *udpTracker) cookie(from netip.AddrPort, epoch int64) uint64 {
	sum := hmac.New(sha256.New, u.secret[:])
	fmt.Fprintf(sum, "%s %d", from, epoch)
	return binary.BigEndian.Uint64(sum.Sum(nil))
}

func (u *udpTracker) valid(connection uint64, from netip.AddrPort) bool {
	epoch := u.epoch()
	return u.config.Server.Validation == "disabled" || connection == u.cookie(from, epoch) || connection == u.cookie(from, epoch-1)
}

// wrong counts a wrong connection id; after too many the address is banned.
func (u *udpTracker) wrong(ip netip.Addr) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.errors[ip]++; u.errors[ip] == u.config.Server.MaxErrors+1 {
		u.metrics.add("udp_tracker_server_ips_banned_total", 1)
	}
}

func (u *udpTracker) banned(ip netip.Addr) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if time.Since(u.reset) > time.Duration(u.config.Server.Reset)*time.Second {
		clear(u.errors)
		u.reset = time.Now()
		u.metrics.set("udp_tracker_server_ips_banned_total", 0)
	}
	return u.errors[ip] > u.config.Server.MaxErrors
}

// counts reports whether this listener's requests are counted.
func (u *udpTracker) counts() bool { return u.config.Core.Statistics && u.l.Statistics }

func (u *udpTracker) count(name string, client netip.Addr, more labels) {
	if u.counts() {
		u.metrics.add(name, 1, u.labels, clientLabels(client), more)
	}
}
