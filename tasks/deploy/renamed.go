package deploy

import "slices"

// was returns the ids that a node had before.
func (b *builder) was(node string) []string {
	var ids []string
	for _, r := range b.env.Renames {
		if r.New == node {
			ids = append(ids, r.Old)
		}
	}
	return ids
}

// renames tells the nodes what they were called before.
func (b *builder) renames() {
	if len(b.env.Renames) == 0 {
		return
	}
	for _, n := range b.nodes {
		n.Was = slices.Concat(n.Was, b.was(n.ID))
	}
}
