package remote

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// errMoved is a file that changed while it was looked at.
var errMoved = errors.New("files changed while they were read")

// An observation is a batch of queries: the script that asks, and the way back
// from the pieces of the answer to facts. Queries of a kind are asked by one
// command.
type observation struct {
	user    string
	queries []hosts.Query

	files     []hosts.FileQuery
	packages  []string
	units     []string
	sysctls   []string
	firewalls []hosts.FirewallQuery
	projects  []string
	images    []string
	system    bool
	owned     bool

	manifest *stored // as answered
}

func newObservation(user string, queries []hosts.Query) *observation {
	o := &observation{user: user, queries: queries}
	for _, query := range queries {
		switch q := query.(type) {
		case hosts.SystemQuery:
			o.system = true
		case hosts.FileQuery:
			o.files = append(o.files, q)
		case hosts.PackageQuery:
			o.packages = append(o.packages, q.Names...)
		case hosts.UnitQuery:
			o.units = append(o.units, q.Name)
		case hosts.SysctlQuery:
			o.sysctls = append(o.sysctls, q.Names...)
		case hosts.FirewallQuery:
			o.firewalls = append(o.firewalls, q)
		case hosts.ComposeQuery:
			o.projects = append(o.projects, q.Project)
		case hosts.ImageQuery:
			o.images = append(o.images, q.References...)
		case hosts.ManifestQuery:
			o.owned = true
		}
	}
	return o
}

// script returns what asks the queries.
func (o *observation) script() *script {
	s := &script{}
	ask := func(words ...string) { s.line(append([]string{"feed", "0"}, words...)...) }
	if o.system {
		ask("system", hosts.StackDirectory)
	}
	if o.system || len(o.projects) > 0 || len(o.images) > 0 {
		projects := ""
		if len(o.projects) > 0 {
			projects = " " + strings.Join(o.projects, " ") + " "
		}
		ask(append([]string{"inspect", yes(o.system), projects}, o.images...)...)
	}
	o.askFiles(s)
	if len(o.packages) > 0 {
		ask(append([]string{"packages"}, o.packages...)...)
	}
	if len(o.units) > 0 {
		ask(append([]string{"units"}, o.units...)...)
	}
	if len(o.sysctls) > 0 {
		words := []string{"sysctls"}
		for _, name := range o.sysctls {
			words = append(words, sysctlPath(name))
		}
		ask(words...)
	}
	for i, q := range o.firewalls {
		s.line("feed", strconv.Itoa(len(q.Rules)), "firewall", strconv.Itoa(i), q.Table)
		s.payloads = append(s.payloads, []byte(q.Rules))
	}
	if o.owned {
		ask("manifest")
	}
	return s
}

func (o *observation) askFiles(s *script) {
	if len(o.files) == 0 {
		return
	}
	digests, words, keyed := "", []string(nil), false
	for _, q := range o.files {
		switch {
		case q.Secret != nil:
			digests, keyed = digests+"k ", true
		case q.Digest == "":
			digests += "- "
		default:
			digests += q.Digest + " "
		}
		words = append(words, q.Path)
	}
	s.line(append([]string{"feed", "0", "files", digests}, words...)...)
	if keyed {
		s.line("need_key")
	}
	for i, q := range o.files {
		if q.Secret != nil {
			s.line("feed", strconv.Itoa(len(q.Secret)), "secret", strconv.Itoa(i), q.Path)
			s.payloads = append(s.payloads, q.Secret)
		}
	}
}

// sysctlPath returns where below /proc/sys a parameter is: dots and slashes
// change places, as in sysctl(8).
func sysctlPath(name string) string {
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '/' {
		return name
	}
	return strings.NewReplacer(".", "/", "/", ".").Replace(name)
}

// facts turns the pieces of an answer into facts.
func (o *observation) facts(pieces []piece) (hosts.Facts, error) {
	a := &answers{observation: o, facts: hosts.Facts{}, seen: map[string]bool{}}
	for i := range o.files {
		a.files = append(a.files, &hosts.FileFact{})
		a.facts[o.files[i].Key()] = a.files[i]
	}
	for _, p := range pieces {
		if len(p.words) == 0 {
			return nil, errors.New("the machine's answer has a mark without words")
		}
		if err := a.take(p.words[0], p.words[1:], p.body); err != nil {
			return nil, fmt.Errorf("the machine's answer about %s: %w", p.words[0], err)
		}
		a.seen[p.words[0]] = true
	}
	for i, f := range a.files {
		if f.Type == "file" && f.Version == "" {
			return nil, fmt.Errorf("%w: %q", errMoved, o.files[i].Path)
		}
	}
	for _, q := range o.queries {
		if err := a.settle(q); err != nil {
			return nil, fmt.Errorf("%s: %w", q.Key(), err)
		}
	}
	return a.facts, nil
}
