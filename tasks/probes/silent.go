package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// hushUDP shows that no address of a UDP tracker's name answers a connect.
func hushUDP(ctx context.Context, a *attempt) error {
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
		t.wait = a.quiet() / tries
		return t.hush(ctx)
	})
}

func (t *udpTracker) hush(ctx context.Context) error {
	defer t.interruptible(ctx)()
	for range tries {
		if _, err := t.conn.WriteToUDPAddrPort(connectRequest().packet, t.remote); err != nil {
			return fmt.Errorf("sending: %w", t.plain(err))
		}
		if err := t.conn.SetReadDeadline(time.Now().Add(t.wait)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, from, err := t.conn.ReadFromUDPAddrPort(make([]byte, 1<<16))
		switch {
		case err == nil:
			return loud(fmt.Sprintf("%d bytes came back from %s", n, from))
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
	}
	t.report("%ssilent: no answer in %s", t.prefix(), tries*t.wait)
	return nil
}

// hushURL shows that nothing listens at the address of a URL.
func hushURL(ctx context.Context, a *attempt) error {
	u, err := a.parse("http", "https")
	if err != nil {
		return err
	}
	number, err := port(u)
	if err != nil {
		return err
	}
	return a.hush(ctx, u.Hostname(), number)
}

// hushTCP shows that nothing listens on a TCP port.
func hushTCP(ctx context.Context, a *attempt) error {
	host, number, err := a.hostPort()
	if err != nil {
		return err
	}
	return a.hush(ctx, host, number)
}

// hush connects once to every address of host, or once from the machine.
func (a *attempt) hush(ctx context.Context, host string, number uint16) error {
	if a.inside {
		return a.hushed(ctx, path{}, net.JoinHostPort(host, fmt.Sprint(number)))
	}
	return a.eachAddress(ctx, host, number, func(ctx context.Context, p path) error {
		return a.hushed(ctx, p, p.remote.String())
	})
}

func (a *attempt) hushed(ctx context.Context, p path, address string) error {
	short, cancel := context.WithTimeout(ctx, a.quiet())
	defer cancel()
	conn, err := a.dial(short, "tcp", address)
	switch {
	case err == nil:
		conn.Close()
		return loud("the connection was accepted")
	case absence(err) != "":
		a.report("%sclosed: %s", p.prefix(), absence(err))
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case short.Err() != nil, timedOut(err):
		a.report("%ssilent: no answer in %s", p.prefix(), a.quiet())
		return nil
	}
	return fmt.Errorf("this does not show that it is silent: %w", a.plain(err))
}

// loud is about an answer where none may be.
func loud(what string) error {
	return &failure{
		text: "it must be silent, and " + what,
		hint: "something listens there and the firewall lets it through: see the firewall of the host, and what else publishes this port",
	}
}
