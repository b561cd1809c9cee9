package cache

import (
	"iter"
	"time"
)

// A Sight is what was seen of files ahead of a look, by somebody who guessed
// what will be asked for. It decides nothing: a path that is not in it is asked
// for when it is needed.
type Sight struct {
	began time.Time
	look  map[string]*seenAt
	done  chan struct{} // closed when began and look are set
}

// See begins to ask for the identities of about n paths, relative to root or
// absolute, each with whether links are followed, and returns at once. It asks
// for one after the other: who sees ahead does so beside other work.
func See(root string, n int, paths iter.Seq2[string, bool]) *Sight {
	s := &Sight{began: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		tree, err := Open(root, "")
		if err != nil {
			return // whoever needs the root finds out
		}
		defer tree.Close()
		found := make([]seenAt, 0, n)
		s.look = make(map[string]*seenAt, n)
		for path, follow := range paths {
			key := keyOf(path, follow)
			if id, err := tree.ask(key); err == nil {
				found = append(found, seenAt{id, true})
				s.look[key] = &found[len(found)-1]
			}
		}
	}()
	return s
}

// Begin makes the next look, and no other, go on from s; nil is nothing.
func (t *Tree) Begin(s *Sight) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.sight = s
}

// glimpsed takes what the tree was given to go on from, nil for nothing.
func (t *Tree) glimpsed() (map[string]*seenAt, time.Time) {
	t.lock.Lock()
	s := t.sight
	t.sight = nil
	t.lock.Unlock()
	if s == nil {
		return nil, time.Time{}
	}
	<-s.done
	return s.look, s.began
}
