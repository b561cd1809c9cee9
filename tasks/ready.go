package tasks

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"
)

// remaining returns the length of the longest path from each node to the end,
// on recorded durations; what never ran counts a second.
func (r *run) remaining() map[string]time.Duration {
	longest := make(map[string]time.Duration, len(r.plan.Steps))
	for i := range r.plan.Steps {
		s := &r.plan.Steps[len(r.plan.Steps)-1-i]
		own := time.Second
		if s.Act == ActNone {
			own = 0
		} else if d, ok := r.engine.Records.Durations[s.Node]; ok {
			own = d
		}
		var after time.Duration
		for _, u := range r.users[s.Node] {
			after = max(after, longest[u])
		}
		longest[s.Node] = own + after
	}
	return longest
}

// proceed starts everything that became ready; the lock is held.
func (r *run) proceed(ctx context.Context) {
	for len(r.free) > 0 {
		id := r.free[0]
		r.free = r.free[1:]
		switch s := r.steps[id]; {
		case s.Act == ActNone:
			r.end(id, ActNone, 0, nil)
		case s.node.Machine != nil || s.node.Action != nil:
			heap.Push(&r.local, id)
		default:
			r.queue[s.Host] = append(r.queue[s.Host], id)
		}
	}
	r.dispatch(ctx)
	for host := range r.queue {
		r.kick(ctx, host)
	}
}

// dispatch starts ready actions and machines, those that most depends on
// first, as many at a time as may be; the lock is held.
func (r *run) dispatch(ctx context.Context) {
	for r.local.Len() > 0 && r.occupied < r.engine.parallel() && !r.stopping() {
		s := r.steps[heap.Pop(&r.local).(string)]
		r.running++
		r.occupied++
		work := r.actionNode
		if s.node.Machine != nil {
			work = r.machineNode
		}
		go work(ctx, s)
	}
}

// kick sends the ready nodes of a host off in one batch; the lock is held.
// While a batch is under way, ready nodes gather for the next.
func (r *run) kick(ctx context.Context, host string) {
	if r.busy[host] || len(r.queue[host]) == 0 || r.stopping() {
		return
	}
	ids := r.queue[host]
	delete(r.queue, host)
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(r.local.priority[b], r.local.priority[a]) })
	r.busy[host] = true
	r.running += len(ids) + 1 // the batch counts too, until the next one is on its way
	go func() {
		r.batch(ctx, host, ids)
		r.lock.Lock()
		defer r.lock.Unlock()
		r.busy[host] = false
		r.kick(ctx, host)
		r.running--
		r.wake.Broadcast()
	}()
}

// readyHeap orders ids by how much time depends on them, longest first, and
// among equals, as all are without priorities, by their rank: their place in
// the plan or in the file.
type readyHeap struct {
	ids      []string
	priority map[string]time.Duration
	rank     map[string]int
}

func (h *readyHeap) Len() int { return len(h.ids) }

func (h *readyHeap) Less(i, j int) bool {
	a, b := h.ids[i], h.ids[j]
	if c := cmp.Compare(h.priority[b], h.priority[a]); c != 0 {
		return c < 0
	}
	return h.rank[a] < h.rank[b]
}

func (h *readyHeap) Swap(i, j int) { h.ids[i], h.ids[j] = h.ids[j], h.ids[i] }
func (h *readyHeap) Push(x any)    { h.ids = append(h.ids, x.(string)) }
func (h *readyHeap) Pop() any {
	last := h.ids[len(h.ids)-1]
	h.ids = h.ids[:len(h.ids)-1]
	return last
}
