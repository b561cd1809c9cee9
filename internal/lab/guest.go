package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Guest is how to log into a machine.
type Guest struct {
	Address string // host:port
	User    string
	Signer  ssh.Signer
	HostKey ssh.PublicKey // the only one that is accepted
	// Dial opens the connection; nil is from here, [Network.DialContext] from a
	// network namespace.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Connect logs in. It tries again until the machine answers, be it booting, or
// ctx ends; a machine with another host key is an error at once.
func (g Guest) Connect(ctx context.Context) (*ssh.Client, error) {
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for {
		client, err := g.connect(ctx)
		if err == nil || errors.Is(err, errHostKey) {
			return client, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no login at %s: %w (last: %w)", g.Address, context.Cause(ctx), err)
		case <-poll.C:
		}
	}
}

var errHostKey = errors.New("another host key")

func (g Guest) connect(ctx context.Context) (*ssh.Client, error) {
	// User-mode networking accepts before the guest listens: no answer is
	// usual, so one attempt must not wait for long.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dial := g.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", g.Address)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	c, channels, requests, err := ssh.NewClientConn(conn, g.Address, &ssh.ClientConfig{
		User:              g.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(g.Signer)},
		HostKeyCallback:   g.checkHostKey,
		HostKeyAlgorithms: []string{g.HostKey.Type()},
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

func (g Guest) checkHostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	if string(key.Marshal()) != string(g.HostKey.Marshal()) {
		return fmt.Errorf("%w: %s, want %s", errHostKey, ssh.FingerprintSHA256(key), ssh.FingerprintSHA256(g.HostKey))
	}
	return nil
}

// Run executes a command line on a machine and returns its output, both
// streams together. The error has them too.
func Run(ctx context.Context, client *ssh.Client, line string) (string, error) {
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	defer context.AfterFunc(ctx, func() { session.Close() })()
	out, err := session.CombinedOutput(line)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = commandError(line, err, string(out))
	}
	return strings.TrimSpace(string(out)), err
}

// SetClock sets the clock of a machine, which after [VM.Load] is that of the
// snapshot. The user may use sudo without a password.
func SetClock(ctx context.Context, client *ssh.Client, now time.Time) error {
	_, err := Run(ctx, client, fmt.Sprintf("sudo date --utc --set=@%d.%09d", now.Unix(), now.Nanosecond()))
	return err
}
