package probes

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// settle is how long a connection has to stay open to be one: what forwards
// connections hangs up when nothing is behind it.
const settle = 500 * time.Millisecond

// askTCP connects to host:port.
func askTCP(ctx context.Context, a *attempt) error {
	host, number, err := a.hostPort()
	if err != nil {
		return err
	}
	address := net.JoinHostPort(host, strconv.Itoa(int(number)))
	if err := a.patiently(ctx, func(ctx context.Context) error { return a.connects(ctx, address) }); err != nil {
		return err
	}
	a.report("accepts connections")
	return nil
}

func (a *attempt) connects(ctx context.Context, address string) error {
	conn, err := a.dial(ctx, "tcp", address)
	if err != nil {
		return a.plain(err)
	}
	defer conn.Close() // also ends the read
	heard := make(chan error, 1)
	go func() { // a connection through ssh knows no deadlines
		_, err := conn.Read(make([]byte, 1))
		heard <- err
	}()
	select {
	case err := <-heard:
		return err
	case <-ctx.Done():
		return a.plain(ctx.Err())
	case <-time.After(min(settle, a.timeout/4)):
		return nil
	}
}

// hostPort reads the target of a TCP probe.
func (a *attempt) hostPort() (string, uint16, error) {
	host, text, err := net.SplitHostPort(a.target)
	if err != nil || host == "" {
		return "", 0, &failure{text: "this is no address to ask", hint: "write it as HOST:PORT, an IPv6 address in brackets"}
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return "", 0, fmt.Errorf("%q is not a port", text)
	}
	return host, uint16(number), nil
}
