package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A source is a random environment file: hosts of every kind, services, files,
// firewalls, probes, tasks and groups, with edges between them that are made of
// refs, handles, depends_on and after. Everything that it declares is allowed,
// so that a file which is refused is a defect.
type source struct {
	random *rand.Rand
	lines  []line
	hosts  []string
	kinds  []string // of providers
	free   int      // next port that nothing has
	tasks  []string // handles of local tasks
	others []string // handles that a group may name
	own    map[string][]string
	deploy []string // nodes that a deployment has at least
}

// A line is a call whose dicts may be in any order.
type line struct {
	text  string // with a %s for every dict
	dicts [][]string
}

// newSource makes an environment with machines of the given kinds, and at most
// so many tasks.
func newSource(random *rand.Rand, kinds []string, most int) *source {
	s := &source{random: random, kinds: kinds, free: 8000, own: map[string][]string{}}
	s.add(`environment(id = "random-1")`)
	for range 1 + s.below(3) {
		s.host()
	}
	for range s.below(most + 1) {
		s.task()
	}
	for range 1 + s.below(3)*len(s.hosts) {
		s.service()
	}
	for range 1 + s.below(4)*len(s.hosts) {
		s.file()
	}
	for _, h := range s.hosts {
		if s.below(3) > 0 {
			s.firewall(h)
		}
		if s.below(2) == 0 {
			s.add(fmt.Sprintf(`probe(name = %q, host = %s, tcp = fmt("{}:{}", %s.ipv4, 22))`, "p-"+h, h, h))
		}
	}
	if len(s.others) > 1 && s.below(2) == 0 {
		s.add(fmt.Sprintf("group(name = %q, of = [%s])", "all", strings.Join(s.some(s.others), ", ")))
	}
	return s
}

// text returns the file, the entries of each dict in an order of shuffle's.
func (s *source) text(shuffle *rand.Rand) string {
	var b strings.Builder
	for _, l := range s.lines {
		var dicts []any
		for _, d := range l.dicts {
			d = slices.Clone(d)
			shuffle.Shuffle(len(d), func(i, j int) { d[i], d[j] = d[j], d[i] })
			dicts = append(dicts, "{"+strings.Join(d, ", ")+"}")
		}
		fmt.Fprintf(&b, l.text+"\n", dicts...)
	}
	return b.String()
}

func (s *source) below(n int) int { return s.random.IntN(n) }

func (s *source) one(list []string) string { return list[s.below(len(list))] }

// some returns at least one of list, in its order.
func (s *source) some(list []string) []string {
	keep := 1 + s.below(len(list))
	out := slices.Clone(list)
	for len(out) > keep {
		i := s.below(len(out))
		out = slices.Delete(out, i, i+1)
	}
	return out
}

func (s *source) add(text string, dicts ...[]string) { s.lines = append(s.lines, line{text, dicts}) }

func (s *source) host() {
	name := fmt.Sprintf("h%d", len(s.hosts))
	provider := s.one(s.kinds)
	switch provider {
	case "simulated":
		provider = fmt.Sprintf("simulated(dir = %q)", "machines/"+name)
	case "existing":
		provider = fmt.Sprintf("existing(address = %q, user = %q)", "203.0.113."+name[1:], "admin")
	case "qemu":
		provider = "qemu()"
	}
	s.hosts = append(s.hosts, name)
	s.deploy = append(s.deploy, "vm:"+name)
	packages := ""
	if s.below(3) == 0 {
		packages = `, packages = ["htop"]`
	}
	s.add(fmt.Sprintf("%s = vm(name = %q, provider = %s%s)", name, name, provider, packages))
}

// value is text that may be a secret, or be known after provision.
func (s *source) value() string {
	switch s.below(5) {
	case 0:
		return fmt.Sprintf("secret(%q, generate = True)", fmt.Sprintf("S%d", s.below(3)))
	case 1:
		return fmt.Sprintf(`fmt("http://{}:{}/", %s.ipv4, %d)`, s.one(s.hosts), s.below(9))
	case 2:
		return fmt.Sprintf(`fmt("{} {}", %s.ipv4, secret(%q, generate = True))`, s.one(s.hosts), "S0")
	}
	return fmt.Sprintf("%q", fmt.Sprintf("text %d", s.below(100)))
}

// entries are those of a dict with keys like form.
func (s *source) entries(form string, most int) []string {
	var list []string
	for i := range s.below(most + 1) {
		list = append(list, fmt.Sprintf("%q: %s", fmt.Sprintf(form, i), s.value()))
	}
	return list
}

func (s *source) port() int { s.free++; return s.free }

func (s *source) service() {
	n := len(s.own)
	name := fmt.Sprintf("s%d", n)
	for s.own[name] != nil {
		n++
		name = fmt.Sprintf("s%d", n)
	}
	host := s.one(s.hosts)
	more := ""
	if before := s.own[host]; len(before) > 0 && s.below(2) == 0 {
		more = fmt.Sprintf(", depends_on = [%s]", strings.Join(s.some(before), ", "))
	}
	if s.below(2) == 0 {
		port := s.port()
		more += fmt.Sprintf(", ports = [publish(%d, %q)]", port, s.one([]string{"tcp", "udp"}))
	}
	if s.below(3) == 0 {
		more += `, command = ["serve", "--all"]`
	}
	data := []string{}
	for i := range s.below(3) {
		data = append(data, fmt.Sprintf("%q: %q", fmt.Sprintf("/data%d", i), fmt.Sprintf("%s-%d", name, i)))
	}
	s.add(fmt.Sprintf("%s = compose_service(name = %q, host = %s, image = %q, healthcheck = healthcheck([\"true\"])%s, environment = %%s, files = %%s, data = %%s)",
		name, name, host, s.one([]string{"a:1", "b:2", "c:3"}), more),
		s.entries("V%d", 4), s.entries("/etc/f%d", 3), data)
	s.own[host] = append(s.own[host], name)
	s.own[name] = []string{name}
	s.others = append(s.others, name)
	s.deploy = append(s.deploy, "service:"+name)
}

func (s *source) file() {
	name := fmt.Sprintf("f%d", s.port())
	content := "content = " + s.value()
	switch {
	case s.below(4) == 0:
		content = `source = "files/a.txt"`
	case len(s.tasks) > 0 && s.below(3) == 0:
		content = "source = " + s.one(s.tasks)
	case s.below(3) == 0:
		s.fileOfData(name)
		return
	}
	s.add(fmt.Sprintf("%s = config_file(name = %q, host = %s, path = %q, mode = %q, %s)",
		name, name, s.one(s.hosts), "/etc/random/"+name, s.one([]string{"0644", "0600", "0755"}), content))
	s.others = append(s.others, name)
	s.deploy = append(s.deploy, "file:"+name)
}

func (s *source) fileOfData(name string) {
	s.add(fmt.Sprintf("%s = config_file(name = %q, host = %s, path = %q, content = %s.encode(%%s))",
		name, name, s.one(s.hosts), "/srv/"+name, s.one([]string{"json", "yaml", "toml"})), s.entries("k%d", 4))
	s.deploy = append(s.deploy, "file:"+name)
}

func (s *source) firewall(host string) {
	var rules []string
	for range s.below(4) {
		rules = append(rules, fmt.Sprintf("%s(%d)", s.one([]string{"tcp", "udp"}), s.port()))
	}
	s.add(fmt.Sprintf("firewall(name = %q, host = %s, allow = [%s])", "w-"+host, host, strings.Join(rules, ", ")))
	s.deploy = append(s.deploy, "firewall:w-"+host)
}

func (s *source) task() {
	name := fmt.Sprintf("t%d", len(s.tasks))
	more := ""
	if len(s.tasks) > 0 && s.below(2) == 0 {
		more = fmt.Sprintf(", after = [%s]", strings.Join(s.some(s.tasks), ", "))
	}
	s.add(fmt.Sprintf("%s = task(name = %q, run = [\"sh\", \"-c\", \"mkdir -p build && cat files/a.txt >build/%s\"], inputs = [\"files/a.txt\"], outputs = [\"build/%s\"], env = %%s%s)",
		name, name, name, name, more), []string{`"A": "1"`, `"B": "2"`, `"C": "3"`})
	s.tasks = append(s.tasks, name)
	s.others = append(s.others, name)
}
