package tasks

import (
	"cmp"
	"slices"
	"time"
)

// A Ran is the work on one node in a run.
type Ran struct {
	Node  string
	Start time.Time
	Took  time.Duration
	OK    bool
}

// Last returns the work that the last run did, in the order of its beginning:
// that of every execution for which the journal was open, a deployment and the
// tests after it. Nodes that had nothing to do are not in it. It is empty where
// nothing ever ran.
func (r *Records) Last() []Ran {
	var list []Ran
	for id, end := range r.Ended {
		if took := r.Durations[id]; took > 0 && !r.since.IsZero() && !end.Before(r.since) {
			list = append(list, Ran{Node: id, Start: end.Add(-took), Took: took, OK: true})
		}
	}
	list = append(list, r.failed...)
	slices.SortFunc(list, func(a, b Ran) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Node, b.Node)) })
	return list
}

// End is when the work ended.
func (r Ran) End() time.Time { return r.Start.Add(r.Took) }
