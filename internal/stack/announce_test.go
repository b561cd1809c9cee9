package stack

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// announce sends n announces of one torrent to a tracker from the machine:
// over protocol "udp" or "http" and family "inet" or "inet6".
func (w *world) announce(name, protocol, family string, n int) {
	w.t.Helper()
	c := w.running[name]
	address := c.address
	if family == "inet6" {
		address = c.ipv6
	}
	var err error
	if protocol == "udp" {
		err = w.announceUDP(net.JoinHostPort(address, "6969"), n)
	} else {
		err = w.announceHTTP(net.JoinHostPort(address, "7070"), n)
	}
	if err != nil {
		w.t.Fatalf("%s over %s and %s: %v", name, protocol, family, err)
	}
}

// announceUDP is BEP 15: one connection, n announces.
func (w *world) announceUDP(address string, n int) error {
	conn, err := w.host.DialContext(context.Background(), "udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	ask := func(packet []byte, want int) ([]byte, error) {
		answer := make([]byte, 2048)
		if _, err := conn.Write(packet); err != nil {
			return nil, err
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		got, err := conn.Read(answer)
		if err != nil {
			return nil, err
		}
		if got < want || !bytes.Equal(answer[:4], packet[8:12]) || !bytes.Equal(answer[4:8], packet[12:16]) {
			return nil, fmt.Errorf("answer %x", answer[:got])
		}
		return answer[:got], nil
	}
	hello := binary.BigEndian.AppendUint64(nil, 0x41727101980)
	hello = append(hello, 0, 0, 0, 0, 1, 2, 3, 4)
	answer, err := ask(hello, 16)
	if err != nil {
		return err
	}
	hash := make([]byte, 20)
	rand.Read(hash)
	for i := range n {
		packet := append([]byte{}, answer[8:16]...)
		packet = binary.BigEndian.AppendUint32(packet, 1)
		packet = binary.BigEndian.AppendUint32(packet, uint32(i))
		packet = append(packet, hash...)
		packet = append(packet, "-XX0000-123456789012"...)
		packet = append(packet, make([]byte, 98-56-4-2)...)
		packet = binary.BigEndian.AppendUint32(packet, 0xffffffff)
		packet = binary.BigEndian.AppendUint16(packet, 6881)
		if _, err := ask(packet, 20); err != nil {
			return err
		}
	}
	return nil
}

// announceHTTP is BEP 3.
func (w *world) announceHTTP(address string, n int) error {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: w.host.DialContext}}
	defer client.CloseIdleConnections()
	hash := make([]byte, 20)
	rand.Read(hash)
	query := "info_hash=" + strings.ReplaceAll(url.QueryEscape(string(hash)), "+", "%20") +
		"&peer_id=-XX0000-123456789012&port=6881&uploaded=0&downloaded=0&left=0&compact=1"
	for range n {
		r, err := client.Get("http://" + address + "/announce?" + query)
		if err != nil {
			return err
		}
		var body bytes.Buffer
		_, err = body.ReadFrom(r.Body)
		r.Body.Close()
		if err != nil {
			return err
		}
		if !strings.Contains(body.String(), "8:interval") {
			return errors.New(body.String())
		}
	}
	return nil
}
