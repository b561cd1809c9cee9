package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

// parse reads the URL of a probe, which must have one of schemes.
func (a *attempt) parse(schemes ...string) (*url.URL, error) {
	u, err := url.Parse(a.target)
	if err != nil { // its text would repeat a part of the URL
		return nil, &failure{
			text: "this is not a URL",
			hint: "what holds other characters than letters, digits and -._~ goes into a URL through urlquote()",
		}
	}
	a.secrets.url(u)
	if !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" {
		return nil, &failure{
			text: "this is no address to ask",
			hint: fmt.Sprintf("write it as %s://HOST:PORT…", schemes[0]),
		}
	}
	return u, nil
}

// port returns the port of u, by default that of its scheme.
func port(u *url.URL) (uint16, error) {
	text := u.Port()
	if text == "" {
		text = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port", text)
	}
	return uint16(n), nil
}

// addresses returns what host means: itself when it is an address, else every
// address of the name.
func addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list, nil
}

// A path is the way to one address of a service.
type path struct {
	remote netip.AddrPort
	local  netip.Addr // the address of this computer on that way
	name   string     // what tells it apart in messages, "" for the only one
}

// everyAddress asks on each address of u side by side. An address that this
// computer has no route to is reported, not failed, unless there is no other.
func (a *attempt) everyAddress(ctx context.Context, u *url.URL, ask func(context.Context, path) error) error {
	number, err := port(u)
	if err != nil {
		return err
	}
	return a.eachAddress(ctx, u.Hostname(), number, ask)
}

func (a *attempt) eachAddress(ctx context.Context, host string, number uint16, ask func(context.Context, path) error) error {
	list, err := addresses(ctx, host)
	if err != nil {
		return err
	}
	var paths []path
	for _, address := range list {
		p := path{remote: netip.AddrPortFrom(address, number)}
		if _, err := netip.ParseAddr(host); err != nil {
			p.name = address.String()
		}
		if p.local, err = localAddress(ctx, p.remote); noRoute(err) && len(list) > 1 {
			a.report("%s was not tested: this computer has no route to it", address)
			continue
		}
		if err != nil {
			return fmt.Errorf("this computer has no route to it: %w", a.plain(err))
		}
		paths = append(paths, p)
	}
	if len(paths) == 0 {
		return errors.New("this computer has no route to any of its addresses")
	}
	return side(paths, func(p path) error { return ask(ctx, p) })
}

// side asks on all paths at once and returns what went wrong on each.
func side(paths []path, ask func(path) error) error {
	errs := make([]error, len(paths))
	var all sync.WaitGroup
	for i, p := range paths {
		all.Go(func() {
			if errs[i] = ask(p); errs[i] != nil && p.name != "" {
				errs[i] = fmt.Errorf("at %s: %w", p.name, errs[i])
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// localAddress returns the address from which this computer sends to remote.
// No packet leaves for it.
func localAddress(ctx context.Context, remote netip.AddrPort) (netip.Addr, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", remote.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return netip.MustParseAddrPort(conn.LocalAddr().String()).Addr().WithZone("").Unmap(), nil
}
