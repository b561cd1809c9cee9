package remote

import (
	"context"
	_ "embed" // the files for the machine
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// What is written on machines beside the rules.
var (
	//go:embed machine/guard.sh
	guardScript string
	//go:embed machine/firewall.service
	guardUnit string
	//go:embed machine/docker.conf
	guardDropIn string
)

func applyWords(o hosts.ApplyFirewall) ([]string, []byte, error) {
	if err := named(o.Table); err != nil {
		return nil, nil, err
	}
	words := []string{"apply_firewall", o.Table, o.Path, seconds(o.Revert, 60), hosts.FirewallUnit, guardScript, guardUnit, guardDropIn}
	return words, []byte(o.Rules), absolute(o.Path)
}

// confirm keeps the rules of the last ApplyFirewall, over a connection that
// shows that the machine can still be reached. Called with mu held.
func (m *Machine) confirm(ctx context.Context, o hosts.ConfirmFirewall) (hosts.Result, error) {
	if err := named(o.Table); err != nil {
		return hosts.Result{}, err
	}
	fresh, err := Dial(ctx, m.target)
	if err != nil {
		return hosts.Result{}, fmt.Errorf("a new connection with the new rules: %w", unwrapped(err))
	}
	defer fresh.Close()
	fresh.mu.Lock()
	defer fresh.mu.Unlock()
	s := &script{}
	s.line("step", "0", "0", oneLine(o.Step()), "confirm_firewall", o.Table)
	pieces, err := fresh.batch(ctx, s)
	if err != nil {
		return hosts.Result{}, err
	}
	if len(pieces) != 1 {
		return hosts.Result{}, fmt.Errorf("the machine gave %d answers to one step", len(pieces))
	}
	return outcome(0, pieces[0])
}

// unwrapped takes host and step from an error that gets others.
func unwrapped(err error) error {
	if e, ok := err.(*hosts.StepError); ok {
		return e.Cause
	}
	return err
}

// tighten forgets connections that rules refuse and conntrack still lets
// through. Called with mu held.
func (m *Machine) tighten(ctx context.Context, o hosts.ApplyFirewall, progress func(string)) error {
	allowed := allowedBy(o.Rules)
	s := &script{}
	s.line("feed", "0", "connections", allowed.pattern())
	s.line("mark", "connections")
	pieces, err := m.batch(ctx, s)
	if err != nil {
		return err
	}
	if len(pieces) != 1 {
		return fmt.Errorf("the machine gave %d answers about connections", len(pieces))
	}
	refused := refusedConnections(string(pieces[0].body), allowed)
	if len(refused) == 0 {
		return nil
	}
	progress(fmt.Sprintf("forgetting %d connections that the new rules refuse", len(refused)))
	words := []string{"step", "0", "0", "forget refused connections", "forget"}
	for _, c := range refused {
		words = append(words, c.family, c.proto, c.source, c.destination, strconv.Itoa(c.port))
	}
	s = &script{}
	s.line(words...)
	if pieces, err = m.batch(ctx, s); err != nil {
		return err
	}
	if len(pieces) != 1 {
		return fmt.Errorf("the machine gave %d answers to one step", len(pieces))
	}
	_, err = outcome(0, pieces[0])
	return err
}

// A span is a range of ports that rules let in, from some sources or all.
type span struct {
	proto    string
	from, to int
	sources  []netip.Prefix // nil = all
}

// allowances are the ports that rules let in. Reading rules is only this
// deep: what is not understood counts as refused, and a connection that is
// forgotten without need is let in again by the rules with its next packet.
type allowances []span

func allowedBy(rules string) allowances {
	port := regexp.MustCompile(`\b(tcp|udp) dport (\{[^}]*\}|\S+)`)
	source := regexp.MustCompile(`\bip6? saddr (\{[^}]*\}|\S+)`)
	var list allowances
	for line := range strings.Lines(rules) {
		line, _, _ = strings.Cut(line, "#")
		match := port.FindStringSubmatch(line)
		if match == nil || !strings.Contains(line, "accept") {
			continue
		}
		var sources []netip.Prefix
		if from := source.FindStringSubmatch(line); from != nil {
			sources = []netip.Prefix{}
			for _, word := range elements(from[1]) {
				if p, err := netip.ParsePrefix(word); err == nil {
					sources = append(sources, p)
				} else if a, err := netip.ParseAddr(word); err == nil {
					sources = append(sources, netip.PrefixFrom(a, a.BitLen()))
				}
			}
		}
		for _, word := range elements(match[2]) {
			first, last, isRange := strings.Cut(word, "-")
			from, err := strconv.Atoi(first)
			if err != nil {
				continue
			}
			to := from
			if isRange {
				if to, err = strconv.Atoi(last); err != nil {
					continue
				}
			}
			list = append(list, span{proto: match[1], from: from, to: to, sources: sources})
		}
	}
	return list
}

// elements splits "{ a, b }" or "a".
func elements(set string) []string {
	return strings.FieldsFunc(set, func(c rune) bool { return c == '{' || c == '}' || c == ',' || c == ' ' })
}

// pattern matches lines of conntrack about ports that are open to all, so
// that a busy machine does not send us every one of its peers.
func (list allowances) pattern() string {
	var ports []string
	for _, s := range list {
		if s.sources == nil && s.from == s.to {
			ports = append(ports, fmt.Sprintf("^%s .* dport=%d .*src=", s.proto, s.from))
		}
	}
	if ports == nil {
		return "^$"
	}
	return strings.Join(ports, "|")
}

func (list allowances) allow(proto string, source netip.Addr, port int) bool {
	return slices.ContainsFunc(list, func(s span) bool {
		in := s.sources == nil || slices.ContainsFunc(s.sources, func(p netip.Prefix) bool { return p.Contains(source) })
		return s.proto == proto && s.from <= port && port <= s.to && in
	})
}

// A connection is an entry of conntrack in its original direction.
type connection struct {
	family, proto, source, destination string
	port                               int
}

// refusedConnections reads "conntrack -L" lines, an empty line and "ip -o
// addr": of the entries that came in from outside, those that nobody allows.
func refusedConnections(text string, allowed allowances) []connection {
	entries, interfaces, ok := strings.Cut(text, "\n\n")
	if !ok {
		return nil // without our own addresses in and out cannot be told apart
	}
	var own []netip.Prefix // our addresses, and the networks of containers
	for line := range strings.Lines(interfaces) {
		w := strings.Fields(line)
		if len(w) < 4 {
			continue
		}
		p, err := netip.ParsePrefix(w[3])
		if err != nil {
			continue
		}
		if !ofDocker(w[1]) {
			p = netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		}
		own = append(own, p)
	}
	inside := func(a netip.Addr) bool {
		return slices.ContainsFunc(own, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	var refused []connection
	for line := range strings.Lines(entries) {
		c, source, ok := entry(line)
		if ok && !inside(source) && !allowed.allow(c.proto, source, c.port) && !slices.Contains(refused, c) {
			refused = append(refused, c)
		}
	}
	return refused
}

// entry reads the original direction of a line of conntrack.
func entry(line string) (connection, netip.Addr, bool) {
	w := strings.Fields(line)
	if len(w) == 0 {
		return connection{}, netip.Addr{}, false
	}
	values := map[string]string{}
	for _, word := range w {
		if key, value, ok := strings.Cut(word, "="); ok && values[key] == "" {
			values[key] = value
		}
	}
	source, err := netip.ParseAddr(values["src"])
	if err != nil {
		return connection{}, netip.Addr{}, false
	}
	destination, err := netip.ParseAddr(values["dst"])
	if err != nil {
		return connection{}, netip.Addr{}, false
	}
	port, err := strconv.Atoi(values["dport"])
	c := connection{family: "ipv4", proto: w[0], source: source.String(), destination: destination.String(), port: port}
	if source.Is6() {
		c.family = "ipv6"
	}
	return c, source, err == nil
}
