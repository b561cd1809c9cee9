package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The addresses of a [Network]: machines take others out of the same
// prefixes, statically.
const (
	Gateway4    = "10.77.0.1"
	Gateway6    = "fd77::1"
	PrefixLen4  = 24
	PrefixLen6  = 64
	bridge      = "br0"
	bridgeMAC   = "02:77:00:00:00:01" // fixed: machines in snapshots remember it
	namespaceIn = "/run/netns/"
)

// Network is a network namespace with a bridge, [Gateway4] and [Gateway6] on
// it, and taps for machines. A process in it sees the machines as a client
// from outside does: both address families, real source addresses, no port
// forwarding. It needs root rights; its sockets need them in this process.
type Network struct {
	Name string // of the namespace, for "ip netns exec"
}

// NewNetwork makes a namespace with a tap for each name in taps. A namespace
// of that name that was left over is replaced.
func NewNetwork(ctx context.Context, name string, taps ...string) (_ *Network, err error) {
	n := &Network{Name: name}
	if _, err := os.Stat(namespaceIn + name); err == nil {
		if err := n.Close(ctx); err != nil {
			return nil, err
		}
	}
	if err := ip(ctx, "netns", "add", name); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close(context.WithoutCancel(ctx)))
		}
	}()
	steps := [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", bridge, "address", bridgeMAC, "type", "bridge"},
		// A bridge without a port that is up loses its IPv6 routes; this one
		// keeps them while no machine runs.
		{"link", "add", "carrier0", "type", "veth", "peer", "name", "carrier1"},
		{"link", "set", "carrier0", "master", bridge, "up"},
		{"link", "set", "carrier1", "addrgenmode", "none", "up"},
		{"addr", "add", fmt.Sprintf("%s/%d", Gateway4, PrefixLen4), "dev", bridge},
		{"addr", "add", fmt.Sprintf("%s/%d", Gateway6, PrefixLen6), "dev", bridge, "nodad"},
		{"link", "set", bridge, "up"},
	}
	for _, tap := range taps {
		steps = append(steps,
			[]string{"tuntap", "add", "dev", tap, "mode", "tap"},
			[]string{"link", "set", tap, "master", bridge, "up"})
	}
	for _, step := range steps {
		if err := n.IP(ctx, step...); err != nil {
			return nil, err
		}
	}
	return n, n.ready(ctx)
}

// ready waits until the kernel has noticed that the bridge is up.
func (n *Network) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("its bridge is not up after 10 s"))
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		err := n.IP(ctx, "route", "get", Gateway6)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("network namespace %s: %w (%w)", n.Name, context.Cause(ctx), err)
		case <-poll.C:
		}
	}
}

// IP runs the program ip on the namespace: n.IP(ctx, "route", "add", …).
func (n *Network) IP(ctx context.Context, args ...string) error {
	return ip(ctx, append([]string{"-netns", n.Name}, args...)...)
}

// Close removes the namespace. It lives on as long as a process is in it.
func (n *Network) Close(ctx context.Context) error {
	return ip(ctx, "netns", "delete", n.Name)
}

// Command returns argv as a command that runs in the namespace.
func (n *Network) Command(argv ...string) []string {
	return asRoot(append([]string{"ip", "netns", "exec", n.Name}, argv...))
}

// Listen opens a stream socket in the namespace. It stays there and can be
// used from everywhere in this process.
func (n *Network) Listen(network, address string) (l net.Listener, err error) {
	err = n.do(func() error {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// ListenPacket is Listen for datagrams.
func (n *Network) ListenPacket(network, address string) (c net.PacketConn, err error) {
	err = n.do(func() error {
		c, err = net.ListenPacket(network, address)
		return err
	})
	return c, err
}

// DialContext connects from within the namespace. The address is numeric. It
// has the form that HTTP transports and SSH clients take.
func (n *Network) DialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = n.do(func() error {
		var d net.Dialer
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// do runs f on a thread that is in the namespace. What f starts is not.
func (n *Network) do(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- n.enter(f) }()
	return <-done
}

func (n *Network) enter(f func() error) error {
	runtime.LockOSThread()
	// Only a thread that found its way back is given to others; one that did
	// not ends with this goroutine.
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer own.Close()
	other, err := os.Open(namespaceIn + n.Name)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer other.Close()
	if err := unix.Setns(int(other.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("network namespace %s: %w", n.Name, err)
	}
	err = f()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, fmt.Errorf("back from network namespace %s: %w", n.Name, back))
	}
	runtime.UnlockOSThread()
	return err
}

func ip(ctx context.Context, args ...string) error {
	argv := asRoot(append([]string{"ip"}, args...))
	said, err := command(ctx, argv).CombinedOutput()
	if err != nil {
		return commandError(strings.Join(argv, " "), err, string(said))
	}
	return nil
}
