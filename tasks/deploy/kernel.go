package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// conntrack is what a busy UDP tracker needs of connection tracking: the live
// Torrust demo lost a sixth of its uptime to a full table until these values
// were in place.
var conntrack = map[string]string{
	"net.netfilter.nf_conntrack_max":                "1048576",
	"net.netfilter.nf_conntrack_udp_timeout":        "10",
	"net.netfilter.nf_conntrack_udp_timeout_stream": "15",
}

// kernel keeps kernel parameters, at boot by files and now by hand. The module
// is loaded first: its parameters do not exist without it.
func kernel() kernelParameters {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(conntrack)) {
		fmt.Fprintf(&lines, "%s = %s\n", name, conntrack[name])
	}
	return kernelParameters{files{list: []content{
		literal("/etc/modules-load.d/torrust-tracker-deployer.conf", "nf_conntrack\n"),
		literal("/etc/sysctl.d/90-torrust-tracker-deployer.conf", lines.String()),
	}}}
}

type kernelParameters struct{ files }

func (kernelParameters) live() hosts.SysctlQuery {
	return hosts.SysctlQuery{Names: slices.Sorted(maps.Keys(conntrack))}
}

// Queries asks for the files and the live values.
func (r kernelParameters) Queries(s *tasks.Scope) ([]hosts.Query, error) {
	queries, err := r.files.Queries(s)
	return append(queries, r.live()), err
}

// Diff writes the files and sets what differs now.
func (r kernelParameters) Diff(s *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	c, err := r.files.Diff(s, facts)
	if err != nil {
		return c, err
	}
	f, ok := hosts.Find[*hosts.SysctlFact](facts, r.live())
	if !ok {
		f = &hosts.SysctlFact{}
	}
	wrong := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(conntrack)) {
		if old := f.Values[name]; old != conntrack[name] {
			wrong[name] = conntrack[name]
			c.Fields = append(c.Fields, tasks.FieldChange{Name: name, Old: old, New: conntrack[name]})
		}
	}
	if len(wrong) > 0 {
		if c.Act == tasks.ActNone {
			c.Act = tasks.ActUpdate
		}
		c.Operations = append(c.Operations, hosts.LoadModule{Name: "nf_conntrack"}, hosts.SetSysctl{Values: wrong})
	}
	return c, nil
}
