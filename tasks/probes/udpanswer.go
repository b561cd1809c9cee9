package probes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// The actions of BEP 15.
const (
	actionConnect uint32 = iota
	actionAnnounce
	actionScrape
	actionError
)

// protocolID opens a connect request.
const protocolID = 0x41727101980

// eventNumbers are the events of an announce on the wire.
var eventNumbers = map[event]uint32{regular: 0, started: 2, stopped: 3}

// A udpRequest is a packet to a tracker: its head is the connection id, the
// action and the transaction id.
type udpRequest struct {
	action  uint32
	minimum int    // bytes of the answer after its head
	packet  []byte // complete but for the transaction id at [12:16]
}

func newUDPRequest(action uint32, connection uint64, minimum int) udpRequest {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 98), connection)
	b = binary.BigEndian.AppendUint32(b, action)
	return udpRequest{action, minimum, append(b, 0, 0, 0, 0)}
}

func connectRequest() udpRequest { return newUDPRequest(actionConnect, protocolID, 8) }

func announceRequest(connection uint64, hash [20]byte, p *peer, e event) udpRequest {
	r := newUDPRequest(actionAnnounce, connection, 12)
	b := append(r.packet, hash[:]...)
	b = append(b, p.id[:]...)
	b = binary.BigEndian.AppendUint64(b, 0) // downloaded
	b = binary.BigEndian.AppendUint64(b, uint64(p.left))
	b = binary.BigEndian.AppendUint64(b, 0) // uploaded
	b = binary.BigEndian.AppendUint32(b, eventNumbers[e])
	b = binary.BigEndian.AppendUint32(b, 0)          // the address is that of the packet
	b = append(b, p.id[16:]...)                      // key: random, the same for the whole session
	b = binary.BigEndian.AppendUint32(b, 0xffffffff) // as many peers as there are
	r.packet = binary.BigEndian.AppendUint16(b, p.port)
	return r
}

func scrapeRequest(connection uint64, hash [20]byte) udpRequest {
	r := newUDPRequest(actionScrape, connection, 12)
	r.packet = append(r.packet, hash[:]...)
	return r
}

// transactionOf returns the transaction id of an answer, false when it is too
// short to have one.
func transactionOf(answer []byte) (uint32, bool) {
	if len(answer) < 8 {
		return 0, false
	}
	return binary.BigEndian.Uint32(answer[4:]), true
}

// body checks the head of an answer and returns what follows it.
func (r udpRequest) body(answer []byte) ([]byte, error) {
	if len(answer) < 8 {
		return nil, fmt.Errorf("the answer has %d bytes, not even the 8 of a head", len(answer))
	}
	action, body := binary.BigEndian.Uint32(answer), answer[8:]
	switch {
	case action == actionError:
		return nil, refusal("the tracker answers ", fmt.Sprintf("%.300q", bytes.TrimRight(body, "\x00")))
	case action != r.action:
		return nil, fmt.Errorf("the answer is for action %d, asked was %d", action, r.action)
	case len(body) < r.minimum:
		return nil, fmt.Errorf("the answer has %d bytes, less than the %d it must have", len(answer), r.minimum+8)
	}
	return body, nil
}

// udpAnnouncement reads the body of an answer to an announce that came from
// an address of the family v4.
func udpAnnouncement(body []byte, v4 bool) (announcement, error) {
	answer := announcement{interval: time.Duration(int32(binary.BigEndian.Uint32(body))) * time.Second}
	var err error
	answer.peers, err = compactPeers(body[12:], v4)
	return answer, err
}

func udpCounts(body []byte) counts {
	n := func(at int) int64 { return int64(binary.BigEndian.Uint32(body[at:])) }
	return counts{seeders: n(0), completed: n(4), leechers: n(8)}
}

// compactPeers reads peers of 6 bytes (BEP 23) or 18 (BEP 7). Those of the
// other family are found out by their length, or by the prefix of a mapped
// address where three of one look like one of the other.
func compactPeers(b []byte, v4 bool) ([]netip.AddrPort, error) {
	stride, other, name := 18, 6, "IPv6"
	if v4 {
		stride, other, name = 6, 18, "IPv4"
	}
	wrong := len(b)%stride != 0
	if v4 && len(b)%18 == 0 {
		mapped := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}
		wrong = wrong || bytes.HasPrefix(b, mapped)
	}
	switch {
	case wrong && len(b)%other == 0:
		return nil, &failure{text: fmt.Sprintf("%s is given peers of %d bytes instead of %d", name, other, stride), hint: hintMapped}
	case wrong:
		return nil, fmt.Errorf("%d bytes of peers are not a multiple of %d", len(b), stride)
	}
	var peers []netip.AddrPort
	for ; len(b) > 0; b = b[stride:] {
		addr, _ := netip.AddrFromSlice(b[:stride-2])
		peers = append(peers, netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[stride-2:stride])))
	}
	return peers, nil
}
