package tasks

import (
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// moved makes the change of a node that has another name now one that takes
// over what its machine lists under the earlier one: containers of that name
// go, data moves, and what both have stays as it is.
func (w *world) moved(n *Node, c Change) Change {
	if len(n.Was) == 0 || c.Owned == nil || w.machine(n.Host) == nil {
		return c
	}
	for _, old := range n.Was {
		o, ok := w.manifest(n.Host).Owned[old]
		if !ok {
			continue
		}
		from, to := moves(o, *c.Owned)
		live := orphan{id: old, owned: o}.live()
		if !live && (c.Act != ActCreate || len(from) == 0) {
			continue // nothing but data, which is not wanted here
		}
		var ops []hosts.Operation
		ops = append(ops, removal(without(o, *c.Owned))...)
		c.Fields = slices.DeleteFunc(c.Fields, func(f FieldChange) bool { return slices.Contains(to, f.Name) }) // made by moving
		for i := range from {
			ops = append(ops, hosts.Move{From: from[i], To: to[i]})
			c.Fields = append(c.Fields, FieldChange{Name: "data", Old: from[i], New: to[i]})
		}
		c.Act, c.Reason = ActUpdate, "it was "+old
		c.Operations = append(ops, c.Operations...)
		c.takes = append(c.takes, old)
		if gone := without(o, *c.Owned).Services; len(gone) > 0 {
			c.Downtime = strings.Join(gone, ", ") + " stops, " + strings.Join(c.Owned.Services, ", ") + " starts"
		}
	}
	return c
}

// moves pairs the data that only o has with the data that only now has. Where
// their numbers differ nobody knows which is which: nothing is moved then.
func moves(o, now hosts.Owned) (from, to []string) {
	from, to = less(o.Data, now.Data), less(now.Data, o.Data)
	if len(from) != len(to) {
		return nil, nil
	}
	return from, to
}

// without returns o less what now has as well, data left out.
func without(o, now hosts.Owned) hosts.Owned {
	rest := hosts.Owned{
		Paths: less(o.Paths, now.Paths), Units: less(o.Units, now.Units),
		Project: o.Project, Services: less(o.Services, now.Services), Table: o.Table,
	}
	if o.Table == now.Table {
		rest.Table = ""
	}
	return rest
}

func less(list, taken []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(taken, s) })
}

// leaves returns what an earlier name still owns after its successor has taken
// over, false when nothing is left to list.
func (c Change) leaves(o hosts.Owned) (hosts.Owned, bool) {
	if c.Owned == nil {
		return o, true
	}
	from, _ := moves(o, *c.Owned)
	rest := less(less(o.Data, c.Owned.Data), from)
	return hosts.Owned{Data: rest}, len(rest) > 0
}

// renamedTo reports whether a node of host was called id.
func (g *Graph) renamedTo(id, host string) bool {
	return slices.ContainsFunc(g.renamed, func(n *Node) bool { return n.Host == host && slices.Contains(n.Was, id) })
}

// recordOf returns the record of a node, also from before it was renamed.
func (r *Records) recordOf(n *Node) *cache.Record {
	found := r.Record(n.ID)
	for i := 0; found == nil && i < len(n.Was); i++ {
		found = r.Record(n.Was[i])
	}
	return found
}
