package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

const (
	connectDeadline = 30 * time.Second
	pollInterval    = 500 * time.Millisecond
)

// A Target says how to reach a machine.
type Target struct {
	Host        string          // name, for errors
	Address     string          // host:port
	User        string          // who logs in; any but root needs sudo without a password
	Signer      ssh.Signer      // the key that logs in; nil where Signers has it
	Signers     []ssh.Signer    // more keys, tried after Signer in their order
	HostKeys    []ssh.PublicKey // accepted from the first packet on
	Environment string          // id, for the machine's audit log

	// FirstUse decides on the host key of a machine of which none is known:
	// nil accepts it. Without FirstUse such a machine is refused.
	FirstUse func(key ssh.PublicKey) error

	// Connect makes the transport; nil is TCP to Address.
	Connect func(ctx context.Context) (net.Conn, error)
}

// Dial connects to a machine, once. Errors are *hosts.StepError: ErrHostKey,
// ErrConnection, or what the machine has against the login.
func Dial(ctx context.Context, target Target) (*Machine, error) {
	fail := func(err error) (*Machine, error) {
		return nil, hosts.NewStepError(target.Host, "connect to "+target.Address, err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectDeadline)
	defer cancel()
	connect := target.Connect
	if connect == nil {
		connect = func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", target.Address)
		}
	}
	conn, err := connect(ctx)
	if err != nil {
		return fail(lost(ctx, err))
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	config, verdict := target.config()
	c, channels, requests, err := ssh.NewClientConn(conn, target.Address, config)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return fail(target.refusal(ctx, err, *verdict))
	}
	m := &Machine{
		target: target, client: ssh.NewClient(c, channels, requests),
		slots: make(chan struct{}, maxSessions), done: make(chan struct{}),
	}
	go m.stayAlive()
	return m, nil
}

// Await connects to a machine that may still be booting: it repeats Dial until
// ctx ends while nobody answers, and gives progress a line now and then.
// Anything but silence ends it, a wrong host key first of all.
func Await(ctx context.Context, target Target, progress func(line string)) (*Machine, error) {
	start, said := time.Now(), time.Now()
	for {
		m, err := Dial(ctx, target)
		if err == nil || !errors.Is(err, hosts.ErrConnection) {
			return m, err
		}
		if progress != nil && time.Since(said) > 5*time.Second {
			progress(fmt.Sprintf("waiting for ssh on %s (%s)", target.Address, time.Since(start).Round(time.Second)))
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, hosts.NewStepError(target.Host, "connect to "+target.Address, context.Cause(ctx))
			}
			return nil, hosts.NewStepError(target.Host, "connect to "+target.Address,
				fmt.Errorf("%w: nobody answered in %s: %w", hosts.ErrTimeout, time.Since(start).Round(time.Second), errors.Unwrap(err)))
		case <-time.After(pollInterval):
		}
	}
}

// config returns how to log in. The verdict is what the host key callback said.
func (t Target) config() (*ssh.ClientConfig, *error) {
	verdict := new(error)
	config := &ssh.ClientConfig{
		User: t.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(t.signers()...)},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			*verdict = t.verify(key)
			return *verdict
		},
	}
	for _, key := range t.HostKeys {
		for _, algorithm := range algorithms(key.Type()) {
			if !slices.Contains(config.HostKeyAlgorithms, algorithm) {
				config.HostKeyAlgorithms = append(config.HostKeyAlgorithms, algorithm)
			}
		}
	}
	return config, verdict
}

// algorithms returns the signature algorithms of a type of key.
func algorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

func (t Target) verify(key ssh.PublicKey) error {
	for _, known := range t.HostKeys {
		if string(known.Marshal()) == string(key.Marshal()) {
			return nil
		}
	}
	switch {
	case len(t.HostKeys) > 0:
		return fmt.Errorf("%w: it shows %s %s", hosts.ErrHostKey, key.Type(), ssh.FingerprintSHA256(key))
	case t.FirstUse == nil:
		return fmt.Errorf("%w: none is recorded, it shows %s %s", hosts.ErrHostKey, key.Type(), ssh.FingerprintSHA256(key))
	}
	if err := t.FirstUse(key); err != nil {
		return fmt.Errorf("%w: %w", hosts.ErrHostKey, err)
	}
	return nil
}

// refusal says why a handshake went wrong.
func (t Target) refusal(ctx context.Context, err, verdict error) error {
	text := err.Error()
	switch {
	case verdict != nil:
		return verdict
	case strings.Contains(text, "no common algorithm for host key"):
		return fmt.Errorf("%w: it has none of the recorded type", hosts.ErrHostKey)
	case strings.Contains(text, "unable to authenticate"):
		return fmt.Errorf("user %q may not log in with %s", t.User, t.keys())
	}
	return lost(ctx, err)
}

func (t Target) signers() []ssh.Signer {
	if t.Signer == nil {
		return t.Signers
	}
	return append([]ssh.Signer{t.Signer}, t.Signers...)
}

// keys names the keys that log in, by fingerprint.
func (t Target) keys() string {
	var prints []string
	for _, s := range t.signers() {
		prints = append(prints, ssh.FingerprintSHA256(s.PublicKey()))
	}
	switch len(prints) {
	case 0:
		return "no key"
	case 1:
		return "the key " + prints[0]
	}
	return "any of the keys " + strings.Join(prints, ", ")
}

// lost says that the connection is not there, in the words of err.
func lost(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			return fmt.Errorf("%w: %w", hosts.ErrConnection, errno)
		}
	}
	return fmt.Errorf("%w: %w", hosts.ErrConnection, err)
}

// stayAlive notices a machine that is gone without a word.
func (m *Machine) stayAlive() {
	tick := time.NewTicker(keepalive)
	defer tick.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-tick.C:
		}
		answered := make(chan error, 1)
		go func() {
			_, _, err := m.client.SendRequest("keepalive@openssh.com", true, nil)
			answered <- err
		}()
		select {
		case <-m.done:
			return
		case err := <-answered:
			if err == nil {
				continue
			}
		case <-time.After(silence):
		}
		m.client.Close()
		return
	}
}

// DialContext connects to an address as seen from the machine.
func (m *Machine) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := m.client.DialContext(ctx, network, address)
	if err != nil {
		return nil, m.failed("connect to "+network+" "+address, err)
	}
	return conn, nil
}
