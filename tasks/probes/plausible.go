package probes

import (
	"fmt"
	"net/netip"
)

// hintMapped is about trackers that tell the families apart by the form of
// the client's address (torrust-tracker does).
const hintMapped = "one listener on [::] serves IPv4 clients with IPv6 peers: declare two, 0.0.0.0 and [::], with the sysctl net.ipv6.bindv6only = 1 (dual_stack = True does)"

// hintGateway is about a tracker that sees the wrong end of a translation.
const hintGateway = "the connection ends at docker-proxy or at a proxy without X-Forwarded-For, and every client has its address: enable IPv6 on the container network, publish equal ports, forget the conntrack entries older than the container"

// plausible says what is wrong with addr as that of a peer that announced
// itself over p. That it is another address than ours is nothing wrong: there
// may be a translation on our side. Over a loopback address even none is
// right: a tracker knows that others cannot connect to it, and puts one of its
// own in its place (torrust-tracker: external_ip, 0.0.0.0 by default).
func (p path) plausible(addr netip.Addr) error {
	family := "IPv6"
	if p.remote.Addr().Is4() {
		family = "IPv4"
	}
	switch {
	case addr.Is4In6():
		return &failure{text: fmt.Sprintf("was given the peer address %s, an IPv4 address in IPv6 form", addr), hint: hintMapped}
	case !addr.IsValid(), addr.IsMulticast(), addr.IsUnspecified() && !p.replaced():
		return fmt.Errorf("was given the peer address %s, which is no address of a peer", addr)
	case p.replaced():
		return nil
	case addr.Is4() != p.remote.Addr().Is4():
		return &failure{text: fmt.Sprintf("announced over %s and is known with %s", family, addr), hint: hintGateway}
	case public(p.remote.Addr()) && !public(addr) && addr != p.local:
		return &failure{text: fmt.Sprintf("announced from outside and is known with %s, an address of a private network", addr), hint: hintGateway}
	}
	return nil
}

// hintReplaced is about a tracker that has IPv6 peers for IPv6 clients only.
const hintReplaced = "torrust-tracker knows a peer on a loopback address by its external_ip, and passes over an IPv4 one for IPv6 peers: ask from another address"

// replaced reports whether the tracker may know us with an address of its own
// choice: over loopback, or inside its machine.
func (p path) replaced() bool { return !p.remote.IsValid() || p.remote.Addr().IsLoopback() }

func public(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsPrivate() }

// prefix begins a progress line where there are several paths.
func (p path) prefix() string {
	if p.name == "" {
		return ""
	}
	return p.name + ": "
}

// translated says so when the tracker knows us with another address than our
// own.
func (p path) translated(seen netip.Addr) string {
	if !p.local.IsValid() || seen == p.local {
		return ""
	}
	return fmt.Sprintf(" (our own address is %s)", p.local)
}
