// Package remote is a real machine over one ssh connection: the
// [hosts.Machine] that deploys for real.
//
// [Dial] (or [Await], for a machine that is still booting) makes the
// connection; the host key is verified from the first packet. On it
//
//   - one session runs the runner, a POSIX sh program of ours (sh/runner.sh)
//     that answers batches: what Observe asks and what Apply does in a moment
//     goes down as one script, and one answer comes back (answer.go);
//   - long operations get a session each (sh/long.sh), at most four at a
//     time, whose output is streamed and whose processes end with it;
//   - Exec, Shell and DialContext are for people and for probes.
//
// Everything runs as root, through "sudo -n" when the login user is not. All
// shell text is in sh/*.sh; Go only calls its functions with quoted words.
// Content and secrets travel on stdin, never in an argument.
//
// The first Apply takes the machine's lock: the runner holds it, long sessions
// share a second one, so that a new run notices also what a lost run left
// behind. Nothing of ours stays on the machine: a runner that hears nothing
// for 60 seconds ends.
package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// How long things may take, and how often we give a sign of life.
const (
	batchDeadline = 3 * time.Minute
	lockDeadline  = 10 * time.Minute // for what a lost run left at work
	lockPatience  = 10 * time.Second // for a run that may be ending
	farewell      = 10 * time.Second // for our runner to end
	keepalive     = 15 * time.Second
	silence       = 2 * time.Minute // an emulated machine that is busy can take that long to answer
	maxSessions   = 4
)

// A Machine is a connection to a machine. It is safe for concurrent use.
type Machine struct {
	target  Target
	client  *ssh.Client
	slots   chan struct{} // of long sessions
	batches atomic.Int64
	done    chan struct{} // closed by Close
	closing sync.Once

	mu       sync.Mutex // serializes batches and guards what follows
	runner   *runner    // nil until the first batch, and after it was lost
	locked   bool       // by runner
	manifest *stored    // as last read or written; nil = unknown
}

// stored is a manifest as it is on the machine.
type stored struct {
	manifest hosts.Manifest
	version  string
}

// Close ends the runner, so that its lock is free for the next run when Close
// returns, and the connection.
func (m *Machine) Close() error {
	var err error
	m.closing.Do(func() {
		if m.mu.TryLock() { // else a batch is under way, and is cut off
			m.dismiss()
			m.mu.Unlock()
		}
		close(m.done)
		err = m.client.Close()
	})
	return err
}

// dismiss tells the runner that nothing more will come, and waits for its end
// if it holds the lock. Called with mu held.
func (m *Machine) dismiss() {
	r, locked := m.runner, m.locked
	if r == nil {
		return
	}
	m.runner, m.locked = nil, false
	close(r.dead)
	if r.channel.CloseWrite() != nil || !locked {
		return
	}
	select {
	case <-r.over:
	case <-time.After(farewell):
	}
}

// Batches returns how many batches went down the connection: one per Observe,
// one per run of short operations.
func (m *Machine) Batches() int { return int(m.batches.Load()) }

// Observe answers queries as [hosts.Machine] says, in one batch.
func (m *Machine) Observe(ctx context.Context, queries []hosts.Query) (hosts.Facts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := newObservation(m.target.User, hosts.Distinct(queries))
	if len(o.queries) == 0 {
		return hosts.Facts{}, nil
	}
	for attempt := 1; ; attempt++ {
		pieces, err := m.batch(ctx, o.script())
		if err != nil {
			return nil, m.failed("observe", err)
		}
		facts, err := o.facts(pieces)
		if errors.Is(err, errMoved) && attempt < 3 {
			continue
		}
		if err != nil {
			return nil, m.failed("observe", err)
		}
		if o.manifest != nil {
			m.manifest = o.manifest
		}
		return facts, nil
	}
}

// Apply carries out operations as [hosts.Machine] says.
func (m *Machine) Apply(ctx context.Context, operations []hosts.Operation, progress func(string)) ([]hosts.Result, error) {
	if len(operations) == 0 {
		return nil, nil
	}
	if progress == nil {
		progress = func(string) {}
	}
	var results []hosts.Result
	for _, batch := range hosts.Batches(operations) {
		if err := m.lock(ctx, progress); err != nil {
			return append(results, hosts.Result{}), m.failed(batch[0].Step(), err)
		}
		var done []hosts.Result
		var err error
		if batch[0].Long() {
			done, err = m.long(ctx, batch[0], progress)
		} else {
			done, err = m.short(ctx, batch, progress)
		}
		results = append(results, done...)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

// failed says that a step went wrong, nil for nil.
func (m *Machine) failed(step string, err error) error {
	if err == nil {
		return nil
	}
	return hosts.NewStepError(m.target.Host, step, err)
}

// lock takes the machine for this run.
func (m *Machine) lock(ctx context.Context, progress func(string)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	said := map[string]bool{}
	wait := func(line string) {
		if !said[line] {
			progress(line)
		}
		said[line] = true
	}
	for start := time.Now(); !m.locked; {
		pieces, err := m.batch(ctx, &script{text: "lock " + quote(operator())})
		if err != nil {
			return err
		}
		if len(pieces) == 0 || len(pieces[0].words) != 2 {
			return errors.New("the runner did not answer for the lock")
		}
		body := string(pieces[0].body)
		switch pieces[0].words[1] {
		case "free":
			m.locked = true
		case "held":
			if time.Since(start) > lockPatience {
				return fmt.Errorf("%w: %s", hosts.ErrLocked, body)
			}
			wait("waiting for another run to end: " + body)
		case "busy":
			if time.Since(start) > lockDeadline {
				return fmt.Errorf("%w: an operation of an earlier run is still at work", hosts.ErrLocked)
			}
			wait("waiting for an operation of an earlier run")
		default:
			return hosts.Explain(body)
		}
	}
	return nil
}

// operator names who runs this program, for whoever finds the machine locked.
func operator() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return fmt.Sprintf("user %s (their pid %d)", name, os.Getpid())
}
