package probes

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A peer is one of the two that we pretend to be.
type peer struct {
	name  string // seeder or leecher
	id    [20]byte
	port  uint16
	left  int64
	known bool // a tracker may know it, so it has to be taken back
}

// An event is what a peer tells with an announce.
type event string

// The events, by their names in BEP 3.
const (
	started event = "started"
	stopped event = "stopped"
	regular event = ""
)

// An announcement is a tracker's answer to an announce.
type announcement struct {
	interval time.Duration
	peers    []netip.AddrPort // addresses as they were sent, mapped ones included
}

// counts are a tracker's answer to a scrape.
type counts struct{ seeders, leechers, completed int64 }

// String reads "1 seeder(s), 0 leecher(s)".
func (c counts) String() string {
	return fmt.Sprintf("%d seeder(s), %d leecher(s)", c.seeders, c.leechers)
}

// A tracker answers announces and scrapes over one protocol.
type tracker interface {
	// announce sets p.known before the tracker can know the peer.
	announce(ctx context.Context, hash [20]byte, p *peer, e event) (announcement, error)
	scrape(ctx context.Context, hash [20]byte) (counts, error)
}

// farewell is how long each peer is taken back for when the probe has failed
// or was interrupted.
const farewell = time.Second

// meet shows that t brings peers together: a seeder and a leecher announced
// for a random info-hash must see each other, with addresses that one can
// connect to over the way p, and be counted. Both are taken back, whatever
// happens; where nothing else went wrong, that has to work, too.
func (a *attempt) meet(ctx context.Context, t tracker, p path) (err error) {
	hash, seeder, leecher := swarm()
	defer func() {
		if err == nil {
			err = errors.Join(leave(ctx, t, hash, seeder), leave(ctx, t, hash, leecher))
			return
		}
		for _, p := range []*peer{seeder, leecher} {
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
			_ = leave(late, t, hash, p) // the first failure is the one to report
			cancel()
		}
	}()
	first, err := join(ctx, t, hash, seeder, started)
	if err != nil {
		return err
	}
	if _, err := sees(first, p, seeder, nil); err != nil {
		return err
	}
	answer, err := join(ctx, t, hash, leecher, started)
	if err != nil {
		return err
	}
	seen, err := sees(answer, p, leecher, seeder)
	if err != nil {
		return err
	}
	if answer, err = join(ctx, t, hash, seeder, regular); err != nil {
		return err
	}
	back, err := sees(answer, p, seeder, leecher)
	if err != nil {
		return err
	}
	a.report("%sthe leecher sees the seeder at %s, the seeder sees the leecher at %s, interval %s%s", p.prefix(), seen, back, first.interval, p.translated(seen.Addr()))
	return a.count(ctx, t, hash, p)
}

func (a *attempt) count(ctx context.Context, t tracker, hash [20]byte, p path) error {
	got, err := t.scrape(ctx, hash)
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	if got.seeders != 1 || got.leechers != 1 || got.completed != 0 {
		return fmt.Errorf("scrape: counted %s and %d completed, where there are 1 and 1 and none completed", got, got.completed)
	}
	a.report("%sscrape counts %s", p.prefix(), got)
	return nil
}

func join(ctx context.Context, t tracker, hash [20]byte, p *peer, e event) (announcement, error) {
	answer, err := t.announce(ctx, hash, p, e)
	if err == nil && answer.interval <= 0 {
		err = fmt.Errorf("the interval is %d s", int64(answer.interval/time.Second))
	}
	if err != nil {
		return answer, fmt.Errorf("announce of the %s: %w", p.name, err)
	}
	return answer, nil
}

func leave(ctx context.Context, t tracker, hash [20]byte, p *peer) error {
	if !p.known {
		return nil
	}
	if _, err := t.announce(ctx, hash, p, stopped); err != nil {
		return fmt.Errorf("announce that the %s has stopped: %w", p.name, err)
	}
	return nil
}

// swarm makes up two peers and what they share.
func swarm() (hash [20]byte, seeder, leecher *peer) {
	rand.Read(hash[:])
	seeder = &peer{name: "seeder"}
	leecher = &peer{name: "leecher", left: 1 << 20}
	for _, p := range []*peer{seeder, leecher} {
		rand.Read(p.id[:])
		copy(p.id[:], "-TD0001-")
		for p.port < 1024 || leecher.port == seeder.port {
			var b [2]byte
			rand.Read(b[:])
			p.port = binary.BigEndian.Uint16(b[:])
		}
	}
	return hash, seeder, leecher
}

// sees checks the peers that self was given: other must be among them, nobody
// but other and self may be. It returns the address of other.
func sees(answer announcement, p path, self, other *peer) (netip.AddrPort, error) {
	var found netip.AddrPort
	for _, at := range answer.peers {
		if err := p.plausible(at.Addr()); err != nil {
			return found, fmt.Errorf("announce of the %s: %w", self.name, err)
		}
		switch {
		case other != nil && at.Port() == other.port:
			found = at
		case at.Port() != self.port:
			return found, fmt.Errorf("announce of the %s: was given the peer %s, which nobody announced for this random info-hash", self.name, at)
		}
	}
	if other != nil && !found.IsValid() {
		missing := &failure{text: fmt.Sprintf("announce of the %s: the %s is not among the peers it was given: %s", self.name, other.name, list(answer.peers))}
		if p.remote.IsValid() && p.remote.Addr().Is6() && p.replaced() {
			missing.hint = hintReplaced
		}
		return found, missing
	}
	return found, nil
}

func list(peers []netip.AddrPort) string {
	if len(peers) == 0 {
		return "there are none"
	}
	var b strings.Builder
	for i, p := range peers {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.String())
	}
	return b.String()
}
