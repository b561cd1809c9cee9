package probes_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// A swarm is what the trackers of these tests know: peers by info-hash and
// peer id.
type swarm map[[20]byte]map[[20]byte]member

type member struct {
	at     netip.AddrPort
	seeder bool
}

func (s swarm) count(hash [20]byte) (seeders, leechers uint32) {
	for _, m := range s[hash] {
		if m.seeder {
			seeders++
		} else {
			leechers++
		}
	}
	return seeders, leechers
}

// others returns the members but id, in a fixed order.
func (s swarm) others(hash, id [20]byte) []netip.AddrPort {
	var list []netip.AddrPort
	for other, m := range s[hash] {
		if other != id {
			list = append(list, m.at)
		}
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	return list
}

func (s swarm) put(hash, id [20]byte, m member) {
	if s[hash] == nil {
		s[hash] = map[[20]byte]member{}
	}
	s[hash][id] = m
}

func (s swarm) remove(hash, id [20]byte) {
	delete(s[hash], id)
	if len(s[hash]) == 0 {
		delete(s, hash)
	}
}

// A udpTracker is a strict BEP 15 tracker: what a client does wrong ends up in
// violations. Its answers go through alter, which may misbehave.
type udpTracker struct {
	conn  *net.UDPConn
	alter func(action uint32, n int, answer []byte) []byte // n counts the answers of the action; nil = no answer
	via   *net.UDPConn                                     // answers leave here, nil = conn

	lock        sync.Mutex
	swarm       swarm
	connections map[uint64]netip.AddrPort
	answered    map[uint32]int
	violations  []string
	stopped     int
	peerIDs     map[[20]byte]bool
}

func newUDPTracker(t *testing.T, address string) *udpTracker {
	t.Helper()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	u := &udpTracker{
		conn:  conn.(*net.UDPConn),
		alter: func(_ uint32, _ int, answer []byte) []byte { return answer },
		swarm: swarm{}, connections: map[uint64]netip.AddrPort{}, answered: map[uint32]int{}, peerIDs: map[[20]byte]bool{},
	}
	return u
}

func (u *udpTracker) url() string { return "udp://" + u.conn.LocalAddr().String() }

// serve answers until the test ends, and then fails it where the client was
// wrong or left peers behind.
func (u *udpTracker) serve(t *testing.T) {
	var done sync.WaitGroup
	done.Go(func() {
		b := make([]byte, 2048)
		for {
			n, from, err := u.conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if answer := u.answer(slices.Clone(b[:n]), from); answer != nil {
				out := u.conn
				if u.via != nil {
					out = u.via
				}
				out.WriteToUDPAddrPort(answer, from)
			}
		}
	})
	t.Cleanup(func() {
		u.conn.Close()
		done.Wait()
		for _, v := range u.violations {
			t.Errorf("the client broke BEP 15: %s", v)
		}
		if len(u.swarm) > 0 {
			t.Errorf("left behind: %v", u.swarm)
		}
	})
}

func (u *udpTracker) answer(b []byte, from netip.AddrPort) []byte {
	u.lock.Lock()
	defer u.lock.Unlock()
	wrong := func(format string, args ...any) []byte {
		u.violations = append(u.violations, fmt.Sprintf(format, args...))
		return nil
	}
	if len(b) < 16 {
		return wrong("%d bytes", len(b))
	}
	connection, action := binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])
	if action != 0 && u.connections[connection] != from {
		return wrong("connection id %d from %s is not one of %v", connection, from, u.connections)
	}
	answer := slices.Concat(b[8:12], b[12:16])
	switch {
	case action == 0 && len(b) == 16 && connection == 0x41727101980:
		id := uint64(len(u.connections)+1) << 40
		u.connections[id] = from
		answer = binary.BigEndian.AppendUint64(answer, id)
	case action == 1 && len(b) == 98:
		answer = append(answer, u.announce(b, from)...)
	case action == 2 && len(b) == 36:
		seeders, leechers := u.swarm.count([20]byte(b[16:]))
		for _, n := range []uint32{seeders, 0, leechers} {
			answer = binary.BigEndian.AppendUint32(answer, n)
		}
	default:
		return wrong("action %d, %d bytes, connection id %d", action, len(b), connection)
	}
	u.answered[action]++
	return u.alter(action, u.answered[action], answer)
}

func (u *udpTracker) announce(b []byte, from netip.AddrPort) []byte {
	hash, id := [20]byte(b[16:]), [20]byte(b[36:])
	left, event := binary.BigEndian.Uint64(b[64:]), binary.BigEndian.Uint32(b[80:])
	at := netip.AddrPortFrom(from.Addr().Unmap(), binary.BigEndian.Uint16(b[96:]))
	u.peerIDs[id] = true
	if event == 3 {
		u.swarm.remove(hash, id)
		u.stopped++
	} else {
		u.swarm.put(hash, id, member{at, left == 0})
	}
	seeders, leechers := u.swarm.count(hash)
	var answer []byte
	for _, n := range []uint32{120, leechers, seeders} {
		answer = binary.BigEndian.AppendUint32(answer, n)
	}
	if event == 3 {
		return answer
	}
	for _, p := range u.swarm.others(hash, id) {
		answer = append(answer, compact(p)...)
	}
	return answer
}

func compact(p netip.AddrPort) []byte {
	return binary.BigEndian.AppendUint16(p.Addr().AsSlice(), p.Port())
}

// state returns how many distinct peers came and how many stops.
func (u *udpTracker) state() (peers, stops int) {
	u.lock.Lock()
	defer u.lock.Unlock()
	return len(slices.Collect(maps.Keys(u.peerIDs))), u.stopped
}
