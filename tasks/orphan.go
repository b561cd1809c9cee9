package tasks

import (
	"slices"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// An orphan is a thing that a machine's manifest lists and that nothing
// declares any more. It is removed knowing nothing but what is listed; its
// data stays, and stays listed.
type orphan struct {
	id    string
	owned hosts.Owned
}

// live reports whether there is more of it than data and pins.
func (o orphan) live() bool {
	return len(o.owned.Paths)+len(o.owned.Services)+len(o.owned.Units) > 0 || o.owned.Table != ""
}

// Queries returns nothing: removing what is gone already is fine.
func (o orphan) Queries(*Scope) ([]hosts.Query, error) { return nil, nil }

// Diff returns the removal.
func (o orphan) Diff(*Scope, hosts.Facts) (Change, error) {
	c := Change{Act: ActDelete, Reason: "nothing declares it any more", Operations: removal(o.owned)}
	if len(o.owned.Data) > 0 {
		c.Reason += "; its data is kept"
	}
	if len(o.owned.Services) > 0 {
		c.Downtime = "it stops for good"
	}
	return c, nil
}

// removal returns the operations that undo what is listed: containers first,
// then units, rules and files, newest last.
func removal(o hosts.Owned) []hosts.Operation {
	var ops []hosts.Operation
	if len(o.Services) > 0 {
		ops = append(ops, hosts.ComposeDown{Project: o.Project, Services: o.Services})
	}
	for _, u := range o.Units {
		ops = append(ops, hosts.SetUnit{Name: u, Enabled: false, Action: "stop"})
	}
	if o.Table != "" {
		ops = append(ops, hosts.DropFirewall{Table: o.Table})
	}
	for _, path := range slices.Backward(o.Paths) {
		ops = append(ops, hosts.Remove{Path: path})
	}
	return ops
}

// remains returns what is listed after the removal, false when nothing is.
func (o orphan) remains() (hosts.Owned, bool) {
	return hosts.Owned{Data: o.owned.Data}, len(o.owned.Data) > 0
}
