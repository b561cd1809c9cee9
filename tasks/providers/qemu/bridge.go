package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
)

// gateway is a default route.
type gateway struct{ To, Via string }

// configure fills in the network of a machine on a bridge: its declared
// addresses, and where the bridge has an address in the same network, that one
// as its gateway. It asks the name servers of the operator's computer, or the
// gateway where those are on loopback.
func (b *bridge) configure(s *seed) error {
	own, err := interfaceAddresses(b.Name)
	if err != nil {
		return err
	}
	for _, text := range []string{b.IPv4, b.IPv6} {
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("address %q: %w", text, err)
		}
		s.Addresses = append(s.Addresses, text)
		for _, a := range own {
			if prefix.Contains(a) && a != prefix.Addr() && !a.IsLinkLocalUnicast() {
				to := "0.0.0.0/0"
				if a.Is6() {
					to = "::/0"
				}
				s.Gateways = append(s.Gateways, gateway{To: to, Via: a.String()})
				break
			}
		}
	}
	s.Nameservers = nameservers("/etc/resolv.conf")
	if len(s.Nameservers) == 0 {
		for _, g := range s.Gateways {
			s.Nameservers = append(s.Nameservers, g.Via)
		}
	}
	return nil
}

func interfaceAddresses(name string) ([]netip.Addr, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("bridge %q: %w", name, err)
	}
	addresses, err := i.Addrs()
	if err != nil {
		return nil, fmt.Errorf("bridge %q: %w", name, err)
	}
	var out []netip.Addr
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, prefix.Addr().Unmap())
		}
	}
	return out, nil
}

// nameservers returns the name servers in a resolv.conf that a machine can
// reach.
func nameservers(path string) []string {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(content)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && !a.IsLoopback() && a.Zone() == "" {
			out = append(out, a.String())
		}
	}
	return out
}

// checkBridge reports as an error that the declared bridge is not there.
func (v *vm) checkBridge(ctx context.Context) error {
	if v.spec.Network == nil {
		return nil
	}
	name := v.spec.Network.Name
	out, err := run(ctx, "ip", "-o", "link", "show", "dev", name, "type", "bridge")
	if err != nil || len(out) == 0 {
		return &hinted{fmt.Errorf("there is no bridge %q on this computer", name),
			fmt.Sprintf("make one, for example: ip link add %s type bridge && ip link set %s up", name, name)}
	}
	return nil
}

// prepareTap makes the machine's network interface, a port of the bridge.
func (v *vm) prepareTap(ctx context.Context) error {
	tap := v.tap()
	if _, err := net.InterfaceByName(tap); err != nil {
		if _, err := run(ctx, "ip", "tuntap", "add", "dev", tap, "mode", "tap"); err != nil {
			if os.Geteuid() != 0 {
				return &hinted{err, "a network interface on a bridge needs root; user-mode networking, the default, does not"}
			}
			return err
		}
	}
	_, err := run(ctx, "ip", "link", "set", "dev", tap, "master", v.state.Bridge.Name, "up")
	return err
}

// removeTap deletes the machine's network interface, if there is one.
func (v *vm) removeTap(ctx context.Context) error {
	if _, err := net.InterfaceByName(v.tap()); err != nil {
		return nil
	}
	_, err := run(ctx, "ip", "link", "delete", "dev", v.tap())
	if _, gone := net.InterfaceByName(v.tap()); gone != nil {
		return nil
	}
	if err == nil {
		err = errors.New("it is still there")
	}
	return fmt.Errorf("network interface %s: %w", v.tap(), err)
}
