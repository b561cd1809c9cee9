package deploy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/templates"
)

// guardTable is the nftables table of ours; nobody else's is touched.
const guardTable = "torrust_guard"

// guardFile is where the rules are kept for the next boot.
const guardFile = "/etc/torrust-tracker-deployer/guard.nft"

// revertAfter is how long a change of the rules waits for its confirmation.
const revertAfter = 60 * time.Second

// guarded reports whether a host has a guard: where a firewall is declared,
// and where services run.
func (b *builder) guarded(host string) bool {
	return len(b.servicesOf(host)) > 0 ||
		slices.ContainsFunc(b.env.Firewalls, func(f environments.Firewall) bool { return f.Host == host })
}

// declared returns the firewall of a host: the one that is declared, or one
// that lets nothing in but ssh.
func (b *builder) declared(h environments.Host) environments.Firewall {
	for _, f := range b.env.Firewalls {
		if f.Host == h.Name {
			return f
		}
	}
	return environments.Firewall{Declared: h.Declared, Host: h.Name}
}

// firewall adds the guard of a host.
func (b *builder) firewall(h environments.Host) {
	f := b.declared(h)
	b.add(&tasks.Node{
		ID: "firewall:" + f.Name, Stage: tasks.StageConfigure, Host: h.Name, Position: f.Position,
		Resource: guard{environment: b.env.Name, allow: f.Allow, ssh: h.SSHPort},
	}, "packages:"+h.Name)
}

// guardOf returns the id of the guard of a host, "" where there is none.
func (b *builder) guardOf(host string) string {
	h, ok := b.env.Host(host)
	if !ok || !b.guarded(host) {
		return ""
	}
	return "firewall:" + b.declared(h).Name
}

// guard filters before DNAT and fails closed: only the loopback and docker's
// bridges are trusted, what is routed to a container's own address is
// dropped, and only what is allowed comes in.
type guard struct {
	environment string
	allow       []environments.Rule
	ssh         int
}

// rules returns the whole file. Ports that are open to everybody are one set
// per protocol; ssh is always among them.
func (r guard) rules() (string, error) {
	open := map[string][]int{"tcp": {r.ssh}}
	var lines []string
	for _, rule := range r.allow {
		if len(rule.Sources) == 0 {
			if !slices.Contains(open[rule.Proto], rule.Port) {
				open[rule.Proto] = append(open[rule.Proto], rule.Port)
			}
			continue
		}
		for _, source := range rule.Sources {
			family := "ip"
			if p, err := netip.ParsePrefix(source); err == nil && p.Addr().Is6() {
				family = "ip6"
			} else if a, err := netip.ParseAddr(source); err == nil && a.Is6() {
				family = "ip6"
			}
			lines = append(lines, fmt.Sprintf("%s saddr %s %s dport %d accept", family, source, rule.Proto, rule.Port))
		}
	}
	for _, proto := range []string{"tcp", "udp"} {
		if len(open[proto]) > 0 {
			lines = append(lines, fmt.Sprintf("%s dport { %s } accept", proto, numbers(open[proto])))
		}
	}
	return templates.Render("nftables/guard.nft.tmpl", map[string]any{
		"Environment": r.environment, "Table": guardTable, "Rules": lines,
	})
}

func numbers(ports []int) string {
	ports = slices.Clone(ports)
	slices.Sort(ports)
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = fmt.Sprint(p)
	}
	return strings.Join(words, ", ")
}

// Queries asks for the file and for what is loaded.
func (r guard) Queries(s *tasks.Scope) ([]hosts.Query, error) {
	rules, err := r.rules()
	if err != nil {
		return nil, err
	}
	q, err := literal(guardFile, rules).query(s)
	if err != nil {
		return nil, err
	}
	return []hosts.Query{q, hosts.FirewallQuery{Table: guardTable, Rules: rules}}, nil
}

// Diff loads the rules where the file or the live table differs.
func (r guard) Diff(s *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	rules, err := r.rules()
	if err != nil {
		return tasks.Change{}, err
	}
	c := tasks.Change{Owned: &hosts.Owned{Paths: []string{guardFile}, Table: guardTable}}
	change, _, err := literal(guardFile, rules).diff(s, facts)
	if err != nil {
		return c, err
	}
	live, ok := hosts.Find[*hosts.FirewallFact](facts, hosts.FirewallQuery{Table: guardTable, Rules: rules})
	if !ok {
		live = &hosts.FirewallFact{}
	}
	if change == nil && live.Same && !live.Pending {
		return c, nil
	}
	c.Act = tasks.ActUpdate
	if !live.Loaded {
		c.Act = tasks.ActCreate
	}
	if change != nil {
		c.Files = []tasks.FileChange{*change}
	}
	switch {
	case live.Pending:
		c.Reason = "a change of the rules was never confirmed"
	case live.Loaded && !live.Same && change == nil:
		c.Reason = "the loaded rules are not those of the file"
	}
	c.Operations = []hosts.Operation{
		hosts.ApplyFirewall{Table: guardTable, Rules: rules, Path: guardFile, Revert: revertAfter},
		hosts.ConfirmFirewall{Table: guardTable},
	}
	return c, nil
}
