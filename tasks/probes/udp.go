package probes

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

const (
	// tries is how often a packet is sent: networks lose some.
	tries = 3
	// patience is how long an answer is waited for each time; BEP 15 begins
	// with 15 s, too long for somebody who watches.
	patience = 3 * time.Second
	// connectionAge is how long a client may use a connection id (BEP 15).
	connectionAge = time.Minute
)

// askUDPTracker lets two peers meet at every address of a UDP tracker.
func askUDPTracker(ctx context.Context, a *attempt) error {
	u, err := a.parse("udp")
	if err != nil {
		return err
	}
	return a.everyAddress(ctx, u, func(ctx context.Context, p path) error {
		t, err := a.dialUDP(ctx, p)
		if err != nil {
			return err
		}
		defer t.conn.Close()
		if err := t.connect(ctx); err != nil {
			return err
		}
		return a.meet(ctx, t, p)
	})
}

// A udpTracker is a tracker over one socket. The socket is not connected, so
// that answers from another address than the one asked are seen.
type udpTracker struct {
	*attempt
	path
	conn       *net.UDPConn
	connection uint64
	connected  time.Time
	asked      map[uint32]bool // transaction ids
	wait       time.Duration
}

func (a *attempt) dialUDP(ctx context.Context, p path) (*udpTracker, error) {
	network := "udp6"
	if p.remote.Addr().Is4() {
		network = "udp4"
	}
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, network, "")
	if err != nil {
		return nil, err
	}
	// A short timeout leaves room for every try.
	return &udpTracker{
		attempt: a, path: p, conn: conn.(*net.UDPConn), asked: make(map[uint32]bool), wait: min(patience, a.timeout/4),
	}, nil
}

// connect gets a connection id, unless there is one that may still be used: a
// tracker bans who asks with a wrong one.
func (t *udpTracker) connect(ctx context.Context) error {
	if !t.connected.IsZero() && time.Since(t.connected) < connectionAge/2 {
		return nil
	}
	now := time.Now()
	body, err := t.exchange(ctx, connectRequest())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	t.connection, t.connected = binary.BigEndian.Uint64(body), now
	return nil
}

func (t *udpTracker) announce(ctx context.Context, hash [20]byte, p *peer, e event) (announcement, error) {
	if err := t.connect(ctx); err != nil {
		return announcement{}, err
	}
	p.known = true
	body, err := t.exchange(ctx, announceRequest(t.connection, hash, p, e))
	if err != nil {
		return announcement{}, err
	}
	return udpAnnouncement(body, t.remote.Addr().Is4())
}

func (t *udpTracker) scrape(ctx context.Context, hash [20]byte) (counts, error) {
	if err := t.connect(ctx); err != nil {
		return counts{}, err
	}
	body, err := t.exchange(ctx, scrapeRequest(t.connection, hash))
	if err != nil {
		return counts{}, err
	}
	return udpCounts(body), nil
}

// exchange sends r until it is answered and returns the body of the answer.
func (t *udpTracker) exchange(ctx context.Context, r udpRequest) ([]byte, error) {
	var id [4]byte
	rand.Read(id[:])
	copy(r.packet[12:], id[:])
	mine := binary.BigEndian.Uint32(id[:])
	t.asked[mine] = true
	defer t.interruptible(ctx)()
	for try := 1; try <= tries; try++ {
		if _, err := t.conn.WriteToUDPAddrPort(r.packet, t.remote); err != nil {
			return nil, fmt.Errorf("sending: %w", t.plain(err))
		}
		answer, err := t.receive(ctx, mine)
		switch {
		case err == nil:
			if try > 1 {
				t.report("%sanswered at try %d of %d", t.prefix(), try, tries)
			}
			return r.body(answer)
		case ctx.Err() != nil:
			return nil, t.silent(fmt.Sprintf("no answer within %s", t.timeout))
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return nil, err
		}
	}
	return nil, t.silent(fmt.Sprintf("no answer to %d tries of %s", tries, t.wait))
}

func (t *udpTracker) silent(text string) error {
	return &failure{
		text: text,
		hint: "see that the service runs, that the firewall lets UDP in on this port and family, and that the tracker is not private: a private one has no UDP",
	}
}

// receive returns the answer to the transaction mine. Late answers to earlier
// ones are passed over, as are packets of strangers.
func (t *udpTracker) receive(ctx context.Context, mine uint32) ([]byte, error) {
	if err := t.conn.SetReadDeadline(time.Now().Add(t.wait)); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // its deadline may have been overwritten
		return nil, ctx.Err()
	}
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := t.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return nil, err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		id, ok := transactionOf(buffer[:n])
		switch {
		case from != t.remote && ok && id == mine:
			return nil, &failure{
				text: fmt.Sprintf("the answer came from %s", from),
				hint: "a service on a wildcard address answers from the machine's first address, and clients drop that: bind it to each address",
			}
		case from != t.remote, ok && id != mine && t.asked[id]:
		case ok && id != mine && binary.BigEndian.Uint32(buffer) != actionError: // an error may answer what could not be read
			return nil, fmt.Errorf("the answer has the transaction id %#08x, which was never asked with", id)
		default:
			return buffer[:n], nil
		}
	}
}

// interruptible ends reads when ctx does, until the returned function is
// called.
func (t *udpTracker) interruptible(ctx context.Context) func() {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = t.conn.SetReadDeadline(time.Unix(1, 0)) // fails on a closed socket only
		close(done)
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}
