package tasks

import (
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/cache"
)

// A Plan says what a run would do: a JSON value that is the same bytes for
// the same files, machines and records. It holds no secret.
type Plan struct {
	Format      int        `json:"format"` // 1
	Environment string     `json:"environment"`
	ID          string     `json:"id"`
	Targets     []string   `json:"targets"`
	Hosts       []PlanHost `json:"hosts"`
	Steps       []Step     `json:"steps"` // every selected node, dependencies first

	world *world // what was seen while planning; Execute goes on from there
}

// A PlanHost is a machine as it was found.
type PlanHost struct {
	Host   string `json:"host"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// A Step is what a run would do to one node.
type Step struct {
	Node     string                `json:"node"`
	Host     string                `json:"host,omitempty"`
	Stage    Stage                 `json:"stage"`
	Position environments.Position `json:"position,omitzero"`
	Change
	node *Node
}

// Changes returns the steps that would do something to a resource; tasks and
// probes are not changes.
func (p *Plan) Changes() []Step {
	var changes []Step
	for _, s := range p.Steps {
		if s.Act != ActNone && s.Act != ActRun {
			changes = append(changes, s)
		}
	}
	return changes
}

// Removes returns the steps that remove or replace something, which a run
// asks about first.
func (p *Plan) Removes() []Step {
	var removes []Step
	for _, s := range p.Steps {
		if s.Act == ActDelete || s.Act == ActReplace {
			removes = append(removes, s)
		}
	}
	return removes
}

// Evidence returns every file that the plan looked at to find that actions need
// not run, with the identity that it had: as long as all of them keep theirs,
// and the environment and what it was given are the same, so does the plan. It
// says nothing about actions that do run, nor about machines.
func (p *Plan) Evidence() []cache.File {
	if p.world == nil {
		return nil
	}
	list := slices.Clone(p.world.passed)
	for i := range p.Steps {
		if v, ok := p.world.verdicts[p.Steps[i].Node]; ok {
			list = slices.AppendSeq(list, v.Record.Files)
		}
	}
	return list
}

// Close ends the connections that planning opened.
func (p *Plan) Close() {
	if p.world != nil {
		p.world.close()
	}
}
