package lab

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// server speaks SSH with whoever connects, runs nothing, and remembers what it
// was told to run.
type server struct {
	net.Listener
	key    ssh.Signer
	silent int // so many connections are closed at once, as by a machine that boots

	mu    sync.Mutex
	lines []string
}

func newServer(t *testing.T, silent int) *server {
	t.Helper()
	s := &server{Listener: listen(t), key: newKey(t), silent: silent}
	t.Cleanup(func() { s.Close() })
	go func() {
		for {
			conn, err := s.Accept()
			if err != nil {
				return
			}
			if s.silent > 0 {
				s.silent--
				conn.Close()
				continue
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *server) serve(conn net.Conn) {
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, nil
	}}
	config.AddHostKey(s.key)
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			s.mu.Lock()
			s.lines = append(s.lines, string(r.Payload[4:]))
			s.mu.Unlock()
			r.Reply(true, nil)
			status := byte(0)
			if strings.Contains(string(r.Payload), "false") {
				status = 1
			}
			channel.Write([]byte("said\n"))
			channel.SendRequest("exit-status", false, []byte{0, 0, 0, status})
			channel.Close()
		}
	}
}

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestConnectWaitsForTheMachine(t *testing.T) {
	s := newServer(t, 2)
	g := Guest{Address: s.Addr().String(), User: "torrust", Signer: newKey(t), HostKey: s.key.PublicKey()}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client, err := g.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if out, err := Run(ctx, client, "true"); err != nil || out != "said" {
		t.Errorf("output %q, %v", out, err)
	}
	if _, err := Run(ctx, client, "false"); err == nil || !strings.HasPrefix(err.Error(), "false: ") || !strings.Contains(err.Error(), "said") {
		t.Errorf("a failing command: %v", err)
	}
	if err := SetClock(ctx, client, time.Unix(1800000000, 5)); err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got, want := s.lines[len(s.lines)-1], "sudo date --utc --set=@1800000000.000000005"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}

func TestConnectRefusesAnotherHostKey(t *testing.T) {
	s := newServer(t, 0)
	g := Guest{Address: s.Addr().String(), User: "torrust", Signer: newKey(t), HostKey: newKey(t).PublicKey()}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := g.Connect(ctx); !errors.Is(err, errHostKey) {
		t.Errorf("error %v", err)
	}
}

func TestConnectGivesUpWithItsContext(t *testing.T) {
	l := listen(t)
	address := l.Addr().String()
	l.Close()
	g := Guest{Address: address, User: "torrust", Signer: newKey(t), HostKey: newKey(t).PublicKey()}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := g.Connect(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
}
