package environments

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Check returns what is wrong with e as a whole: names that nothing declares,
// cycles, ports and paths that are taken twice. broken are nodes that were
// declared but are not in e because something else is wrong with them.
// suggest returns the one of names that word was probably meant to be, or "".
func (e *Environment) Check(broken []string, suggest func(word string, names []string) string) []Problem {
	size := len(e.Hosts) + len(e.Services) + len(e.Files) + len(e.Firewalls) + len(e.Probes) + len(e.Tasks) + len(e.Groups)
	c := checker{
		e: e, suggest: suggest, rank: make(map[string]int, size), order: make([]string, 0, size),
		declared: make([]Declared, 0, size), edges: make([][]string, 0, size), broken: map[string]bool{},
	}
	for _, node := range broken {
		c.broken[node] = true
	}
	c.collect()
	c.references()
	c.arguments()
	c.rotations()
	c.cycles()
	for _, h := range e.Hosts {
		c.ports(h)
		c.paths(h)
		c.firewalls(h)
		c.forwards(h)
	}
	return c.problems
}

type checker struct {
	e        *Environment
	suggest  func(word string, names []string) string
	rank     map[string]int // by node: its place in the lists
	order    []string       // nodes
	declared []Declared     // of each
	edges    [][]string     // of each: the nodes it needs
	broken   map[string]bool
	problems []Problem
}

// subjects are what messages call the kinds of nodes.
var subjects = map[string]string{
	"vm": "vm", "service": "compose_service", "file": "config_file", "firewall": "firewall", "probe": "probe", "task": "task",
	"group": "group", "backup": "backup",
}

// subject returns a node as messages call it: `vm "web"`.
func subject(node string) string {
	kind, name, _ := strings.Cut(node, ":")
	return fmt.Sprintf("%s %q", subjects[kind], name)
}

// subject is that of a node, in the words of its declaration: the service that
// a tls() runs as is that tls().
func (c *checker) subject(node string) string {
	if name, ok := strings.CutPrefix(node, "service:"); ok && slices.ContainsFunc(c.e.TLS, func(t TLS) bool { return t.Name == name }) {
		return fmt.Sprintf("tls %q", name)
	}
	return subject(node)
}

func (c *checker) problem(node, message, hint string) {
	d := c.at(node)
	c.problems = append(c.problems, Problem{Position: d.Position, Calls: d.Calls, Message: c.subject(node) + ": " + message, Hint: hint})
}

func (c *checker) node(kind string, d Declared, targets ...string) {
	id := kind + ":" + d.Name
	c.rank[id] = len(c.order)
	c.order, c.declared, c.edges = append(c.order, id), append(c.declared, d), append(c.edges, targets)
}

// at returns where a node was declared; zero for one that was not.
func (c *checker) at(node string) Declared {
	if i, ok := c.rank[node]; ok {
		return c.declared[i]
	}
	return Declared{}
}

// collect makes the graph of who needs whom.
func (c *checker) collect() {
	for _, h := range c.e.Hosts {
		c.node("vm", h.Declared)
	}
	for _, s := range c.e.Services {
		targets := []string{"vm:" + s.Host}
		for _, name := range s.DependsOn {
			targets = append(targets, "service:"+name)
		}
		for _, m := range s.Files {
			if m.File != "" {
				targets = append(targets, "file:"+m.File)
			}
			targets = appendRefs(targets, m.Content)
		}
		for _, v := range slices.Concat(values(s.Environment), values(s.Sysctls), s.Command) {
			targets = appendRefs(targets, &v)
		}
		if s.Extra != nil {
			targets = appendRefs(targets, &Value{Kind: Encode, Data: s.Extra})
		}
		c.node("service", s.Declared, targets...)
	}
	for _, f := range c.e.Files {
		targets := appendRefs([]string{"vm:" + f.Host}, f.Content)
		if f.Source != nil && f.Source.Task != "" {
			targets = append(targets, "task:"+f.Source.Task)
		}
		c.node("file", f.Declared, targets...)
	}
	for _, f := range c.e.Firewalls {
		c.node("firewall", f.Declared, "vm:"+f.Host)
	}
	for _, p := range c.e.Probes {
		targets := []string{"vm:" + p.Host}
		for _, v := range []*Value{p.UDPTracker, p.HTTPTracker, p.HTTP, p.TCP} {
			targets = appendRefs(targets, v)
		}
		c.node("probe", p.Declared, targets...)
	}
	for i := range c.e.Tasks {
		c.node("task", c.e.Tasks[i].Declared, taskTargets(&c.e.Tasks[i])...)
	}
	for _, g := range c.e.Groups {
		c.node("group", g.Declared, g.Of...)
	}
	for _, b := range c.e.Backups {
		c.node("backup", b.Declared, b.Needs()...)
	}
}

func taskTargets(t *Task) []string {
	targets := slices.Clone(t.After)
	if t.Host != "" {
		targets = append(targets, "vm:"+t.Host)
	}
	for _, in := range t.Inputs {
		if in.Task != "" {
			targets = append(targets, "task:"+in.Task)
		}
	}
	for _, argv := range t.Run {
		for i := range argv {
			targets = appendRefs(targets, &argv[i])
		}
	}
	for i := range t.Env {
		targets = appendRefs(targets, &t.Env[i].Value)
	}
	return appendRefs(targets, t.Stdin)
}

func values(named []NamedValue) []Value {
	list := make([]Value, len(named))
	for i, n := range named {
		list[i] = n.Value
	}
	return list
}

func appendRefs(targets []string, v *Value) []string {
	if v == nil || v.Kind == Literal {
		return targets
	}
	for leaf := range v.Leaves() {
		if leaf.Kind == Ref {
			targets = append(targets, leaf.Node)
		}
	}
	return targets
}

// references complains about names that nothing declares, and about things of
// another host.
func (c *checker) references() {
	for i, node := range c.order {
		for _, t := range c.edges[i] {
			if _, ok := c.rank[t]; !ok && !c.broken[t] {
				meant, hint := c.near(t)
				c.problem(node, "needs "+subject(t)+", which is not declared"+meant, hint)
			}
		}
	}
	for _, s := range c.e.Services {
		for _, name := range s.DependsOn {
			if o, ok := c.e.Service(name); ok && o.Host != s.Host {
				c.problem("service:"+s.Name, fmt.Sprintf("depends on compose_service %q of another host, vm %q", name, o.Host), "depends_on is for services of one host")
			}
		}
		for _, m := range s.Files {
			i := slices.IndexFunc(c.e.Files, func(f File) bool { return m.File != "" && f.Name == m.File })
			if i >= 0 && c.e.Files[i].Host != s.Host {
				c.problem("service:"+s.Name, fmt.Sprintf("mounts config_file %q of another host, vm %q", m.File, c.e.Files[i].Host), "")
			}
		}
	}
}

// near returns which one of its kind was probably meant, or else in a hint
// what there is.
func (c *checker) near(node string) (meant, hint string) {
	kind, wanted, _ := strings.Cut(node, ":")
	var names []string
	for _, n := range c.order {
		if k, name, _ := strings.Cut(n, ":"); k == kind {
			names = append(names, name)
		}
	}
	if s := c.suggest(wanted, names); s != "" {
		return fmt.Sprintf(" (did you mean %q?)", s), ""
	}
	if len(names) == 0 || len(names) > 10 {
		return "", ""
	}
	return "", "declared are " + strings.Join(names, ", ")
}

// arguments complains about arg() outside of a task.
func (c *checker) arguments() {
	for v := range c.e.resourceValues() {
		for leaf := range v.Leaves() {
			if leaf.Kind == Argument {
				c.problems = append(c.problems, Problem{Position: leaf.Position,
					Message: fmt.Sprintf("arg %q: an argument has a value in run and env of a task only", leaf.Name),
					Hint:    "param(…) is a value for the whole file"})
			}
		}
	}
}

// ports complains about ports of a host that two publish.
func (c *checker) ports(h Host) {
	type taken struct {
		Publish
		by string
	}
	all := []taken{{Publish{Port: h.SSHPort, Proto: "tcp"}, ""}}
	for _, s := range c.e.Services {
		if s.Host != h.Name {
			continue
		}
		for _, p := range s.Ports {
			i := slices.IndexFunc(all, func(t taken) bool { return t.Port == p.Port && t.Proto == p.Proto && overlap(t.Address, p.Address) })
			switch {
			case i < 0:
			case all[i].by == "":
				c.problem("service:"+s.Name, fmt.Sprintf("port %d/%s of vm %q is taken by ssh", p.Port, p.Proto, h.Name), "")
			case all[i].by == s.Name:
				c.problem("service:"+s.Name, fmt.Sprintf("port %d/%s is published twice", p.Port, p.Proto), "")
			default:
				c.problem("service:"+s.Name, fmt.Sprintf("port %d/%s of vm %q is taken by %s", p.Port, p.Proto, h.Name, c.subject("service:"+all[i].by)),
					"it was declared first at "+c.at("service:"+all[i].by).Position.String())
			}
			all = append(all, taken{p, s.Name})
		}
	}
}

// overlap reports whether two addresses cannot both bind one port.
func overlap(a, b string) bool {
	if a == b || a == "" || b == "" {
		return true
	}
	x, err1 := netip.ParseAddr(a)
	y, err2 := netip.ParseAddr(b)
	if err1 != nil || err2 != nil || x.Is4() != y.Is4() {
		return false
	}
	return x.IsUnspecified() || y.IsUnspecified() || x == y
}

// paths complains about paths that two files of a host or two mounts of a
// service share.
func (c *checker) paths(h Host) {
	first := map[string]string{}
	for _, f := range c.e.Files {
		if f.Host != h.Name {
			continue
		}
		if other, taken := first[f.Path]; taken {
			c.problem("file:"+f.Name, fmt.Sprintf("%s of vm %q is written by %s already", f.Path, h.Name, subject("file:"+other)),
				"it was declared first at "+c.at("file:"+other).Position.String())
			continue
		}
		first[f.Path] = f.Name
	}
	for _, s := range c.e.Services {
		if s.Host != h.Name {
			continue
		}
		for _, m := range s.Files {
			if slices.ContainsFunc(s.Data, func(d DataMount) bool { return d.Path == m.Path }) {
				c.problem("service:"+s.Name, fmt.Sprintf("%s is both in files and in data", m.Path), "")
			}
		}
	}
}

func (c *checker) firewalls(h Host) {
	first := ""
	for _, f := range c.e.Firewalls {
		if f.Host != h.Name {
			continue
		}
		if first != "" {
			c.problem("firewall:"+f.Name, fmt.Sprintf("vm %q has %s already", h.Name, subject("firewall:"+first)),
				"one firewall lists all ports of a machine; the first is at "+c.at("firewall:"+first).Position.String())
			continue
		}
		first = f.Name
	}
}

// forwards complains about .port(n) of a machine with user-mode networking
// where no firewall opens n: there is nothing that leads to it.
func (c *checker) forwards(h Host) {
	if h.Provider.QEMU == nil || h.Provider.QEMU.Network != nil {
		return
	}
	open := []string{fmt.Sprintf("port:%d", h.SSHPort)}
	for _, f := range c.e.Firewalls {
		if f.Host == h.Name {
			for _, r := range f.Allow {
				open = append(open, fmt.Sprintf("port:%d", r.Port))
			}
		}
	}
	complained := map[string]bool{}
	for leaf := range c.e.refs("vm:" + h.Name) {
		if port, ok := strings.CutPrefix(leaf.Attribute, "port:"); ok && !slices.Contains(open, leaf.Attribute) && !complained[port] {
			complained[port] = true
			c.problems = append(c.problems, Problem{Position: leaf.Position,
				Message: fmt.Sprintf("vm %q: nothing leads to port %s: with user-mode networking the ports of its firewall are forwarded", h.Name, port),
				Hint:    "add tcp(" + port + ") or udp(" + port + ") to the firewall of this machine"})
		}
	}
}
