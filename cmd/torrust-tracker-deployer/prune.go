package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// prunable checks, before anything is touched, that ids are not declared: the
// data of what is declared is in use.
func (d *deployment) prunable(ids []string) error {
	for _, id := range ids {
		if !strings.Contains(id, ":") {
			return usage("--prune %q is not KIND:NAME", id).hint("for example --prune service:%s", id)
		}
		if n, ok := d.graph.Node(id); ok {
			return usage("%s is declared at %s: its data is in use", id, n.Position).hint("remove it from the file first")
		}
	}
	return nil
}

// prune deletes the data of things that nothing declares any more. A deploy
// has removed everything else of them and left the data listed in the
// machine's manifest; data that another entry lists as well stays.
func (d *deployment) prune(ctx context.Context, m *monitor, ids []string) error {
	left := slices.Clone(ids)
	if len(left) == 0 {
		return nil
	}
	for _, h := range d.env.Hosts {
		found, err := d.pruneHost(ctx, m, h, left)
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(id string) bool { return slices.Contains(found, id) })
	}
	if len(left) > 0 {
		return fmt.Errorf("no machine keeps data of %s", joined(left))
	}
	return nil
}

// pruneHost prunes on one machine and returns what it found there.
func (d *deployment) pruneHost(ctx context.Context, m *monitor, h environments.Host, ids []string) (found []string, err error) {
	machine, err := d.machine(ctx, h)
	if err != nil {
		return nil, err
	}
	defer closeMachine(machine)
	facts, err := machine.Observe(ctx, []hosts.Query{hosts.ManifestQuery{}})
	if err != nil {
		return nil, err
	}
	manifest, ok := hosts.Find[*hosts.Manifest](facts, hosts.ManifestQuery{})
	if !ok || manifest == nil || manifest.Environment != d.env.ID {
		return nil, nil
	}
	for _, id := range ids {
		if _, listed := manifest.Owned[id]; !listed {
			continue
		}
		found = append(found, id)
		err := d.step(m, id, tasks.ActDelete, func(progress func(string)) error {
			_, err := machine.Apply(ctx, d.pruning(*manifest, id), progress)
			return err
		})
		if err != nil {
			return found, err
		}
		delete(manifest.Owned, id)
	}
	return found, nil
}

// pruning returns the operations that delete the data of id and strike it off
// the manifest, in this order: what is struck off could not be found again.
func (d *deployment) pruning(manifest hosts.Manifest, id string) []hosts.Operation {
	var ops []hosts.Operation
	for _, path := range manifest.Owned[id].Data {
		if !sharedData(manifest, id, path) {
			ops = append(ops, hosts.Remove{Path: path})
		}
	}
	return append(ops, hosts.Own{Environment: d.env.ID, Name: d.env.Name, Drop: []string{id}})
}

func sharedData(manifest hosts.Manifest, id, path string) bool {
	for other, o := range manifest.Owned {
		if other != id && slices.Contains(o.Data, path) {
			return true
		}
	}
	return false
}
