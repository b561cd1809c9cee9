package tracker3

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

type infoHash [20]byte

// A peer is one client of a torrent, at its address.
type peer struct {
	id        [20]byte
	left      uint64
	completed bool // whether it has said so
	seen      time.Time
}

// A swarm is a torrent: its peers and how often it was downloaded.
type swarm struct {
	peers     map[netip.AddrPort]*peer
	completed uint32
}

// An announce is one, of either protocol.
type announce struct {
	torrent infoHash
	id      [20]byte
	at      netip.AddrPort
	left    uint64
	event   string // "started", "stopped", "completed", ""
	want    int    // < 0 = as many as there may be
}

// An answer is what an announce gets: other peers, of all families.
type answer struct {
	peers     []found
	seeders   uint32
	leechers  uint32
	completed uint32
}

type found struct {
	id [20]byte
	at netip.AddrPort
}

// swarms are all torrents.
type swarms struct {
	config  config
	store   store
	metrics *metrics

	mu       sync.Mutex
	torrents map[infoHash]*swarm
}

func newSwarms(ctx context.Context, c config, s store, m *metrics) (*swarms, error) {
	w := &swarms{config: c, store: s, metrics: m, torrents: map[infoHash]*swarm{}}
	if !c.Core.Policy.Persistent {
		return w, nil
	}
	saved, err := s.downloads(ctx)
	if err != nil {
		return nil, err
	}
	for torrent, n := range saved {
		w.torrents[torrent] = &swarm{peers: map[netip.AddrPort]*peer{}, completed: n}
		m.add("tracker_core_persistent_torrents_downloads_total", uint64(n))
	}
	return w, nil
}

// announce enters a peer and returns up to want others that keep(address)
// takes.
func (w *swarms) announce(ctx context.Context, a announce, keep func(netip.Addr) bool) (answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.torrents[a.torrent]
	if s == nil {
		s = &swarm{peers: map[netip.AddrPort]*peer{}}
		w.torrents[a.torrent] = s
		w.metrics.add("swarm_coordination_registry_torrents_added_total", 1)
	}
	if err := w.enter(ctx, s, a); err != nil {
		return answer{}, err
	}
	limit := w.config.Core.Announce.MaxPeers
	if a.want >= 0 {
		limit = min(limit, a.want)
	}
	return s.answer(limit, func(at netip.AddrPort) bool { return at != a.at && keep(at.Addr()) }), nil
}

// enter takes what a says about its peer into s.
func (w *swarms) enter(ctx context.Context, s *swarm, a announce) error {
	known := s.peers[a.at]
	if a.event == "stopped" {
		if known != nil {
			delete(s.peers, a.at)
			w.metrics.add("swarm_coordination_registry_peers_removed_total", 1)
		}
		return nil
	}
	now := &peer{id: a.id, left: a.left, seen: time.Now(), completed: a.event == "completed" || known != nil && known.completed}
	s.peers[a.at] = now
	if known == nil {
		w.metrics.add("swarm_coordination_registry_peers_added_total", 1)
	} else {
		w.metrics.add("swarm_coordination_registry_peers_updated_total", 1)
	}
	// Who was never seen before has not downloaded it here.
	if a.event != "completed" || known == nil || known.completed {
		return nil
	}
	s.completed++
	w.metrics.add("swarm_coordination_registry_torrents_downloads_total", 1)
	if !w.config.Core.Policy.Persistent {
		return nil
	}
	w.metrics.add("tracker_core_persistent_torrents_downloads_total", 1)
	return w.store.download(ctx, a.torrent, s.completed)
}

// scrape returns the numbers of a torrent; zeros for an unknown one.
func (w *swarms) scrape(torrent infoHash) answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.torrents[torrent]
	if s == nil {
		return answer{}
	}
	return s.answer(len(s.peers), func(netip.AddrPort) bool { return true })
}

// answer counts the peers and has up to limit of those that keep takes.
func (s *swarm) answer(limit int, keep func(netip.AddrPort) bool) answer {
	a := answer{completed: s.completed}
	for at, p := range s.peers {
		if p.left == 0 {
			a.seeders++
		} else {
			a.leechers++
		}
		if len(a.peers) < limit && keep(at) {
			a.peers = append(a.peers, found{p.id, at})
		}
	}
	return a
}

// totals returns the sums over all torrents, and how many there are.
func (w *swarms) totals() (torrents int, sum answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.torrents {
		a := s.answer(0, nil)
		sum.seeders += a.seeders
		sum.leechers += a.leechers
		sum.completed += a.completed
	}
	return len(w.torrents), sum
}

// forget drops peers that have been silent for too long, every interval.
func (w *swarms) forget(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(max(interval, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.clean(now.Add(-time.Duration(w.config.Core.Policy.PeerTimeout) * time.Second))
		}
	}
}

func (w *swarms) clean(before time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for torrent, s := range w.torrents {
		for at, p := range s.peers {
			if p.seen.Before(before) {
				delete(s.peers, at)
				w.metrics.add("swarm_coordination_registry_peers_removed_total", 1)
			}
		}
		persistent := w.config.Core.Policy.Persistent && s.completed > 0
		if len(s.peers) == 0 && w.config.Core.Policy.RemovePeerless && !persistent {
			delete(w.torrents, torrent)
			w.metrics.add("swarm_coordination_registry_torrents_removed_total", 1)
		}
	}
}
