// Package simulated is a machine in a directory: the [hosts.Machine] that
// users' tests deploy to. It has the semantics of a Debian 13 machine as far
// as operations and queries go, runs nothing but what a test gives it and
// reaches no network, and answers the same for the same operations, whenever and wherever they run.
//
// The directory holds
//
//	root/          the files of the machine, under their real paths
//	state.json     owners, modes, packages, units, sysctls, firewall, images, containers
//	calls.log      one JSON line per operation: step, outcome, error
//	faults.json    made by a test: what is to go wrong, see below
//	facts.json     made by a test: fields of the SystemFact that differ, {"Architecture": "arm64"}
//	commands.json  made by a test: what a Run answers, see below
//	lock           held by the run that changes the machine
//
// faults.json maps a step ("pull torrust/tracker:3.0.0", the Step of an
// operation), a query key ("file /etc/x") or "observe" to an error. "no
// space", "timeout", "connection", "unsupported", "sudo" and "changed" are
// the causes of package hosts, a text that goes on after one of them with
// ": …" is that cause with these words, any other text is the machine's own
// words. A fault lasts as long as it is in the file.
//
// commands.json maps an argv, joined by single spaces, to {"output": …,
// "exit": n}, or to {"exec": [ARGV…]}, a program of this computer that is run
// in its place, in root/, with the same input and environment. A command that
// is not listed prints nothing and exits 0.
//
// Files are replaced by rename, state.json after them: killed at any moment,
// a machine is as if the operation had not happened or can be repeated.
// Nothing is synced to disk; a power failure may lose a simulated machine.
package simulated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A Machine is a machine on disk. It is safe for concurrent use, also beside
// other Machines on the same directory.
type Machine struct {
	dir     string
	host    string
	latency time.Duration

	batch sync.Mutex // serializes batches, like the one runner of a real machine
	mu    sync.Mutex // guards what follows and state.json
	lock  *os.File   // nil until the first Apply
	count int
}

// Open returns the machine in dir, which is made when it is missing. Host is
// its name in errors; latency passes before every batch and long operation.
func Open(dir, host string, latency time.Duration) (*Machine, error) {
	if err := os.MkdirAll(filepath.Join(dir, "root"), 0o755); err != nil {
		return nil, fmt.Errorf("simulated machine %q: %w", host, err)
	}
	return &Machine{dir: dir, host: host, latency: latency}, nil
}

// Close gives the lock back, also where a child that is just being started still
// has a copy of the file.
func (m *Machine) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lock == nil {
		return nil
	}
	err := errors.Join(syscall.Flock(int(m.lock.Fd()), syscall.LOCK_UN), m.lock.Close())
	m.lock = nil
	return err
}

// Batches returns how many round trips there were: one per Observe and one
// per run of short operations or long operation.
func (m *Machine) Batches() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// DialContext fails: nothing listens on a simulated machine.
func (m *Machine) DialContext(_ context.Context, network, address string) (net.Conn, error) {
	return nil, hosts.NewStepError(m.host, "connect to "+network+" "+address,
		fmt.Errorf("%w: a simulated machine answers no connections", hosts.ErrUnsupported))
}

// Observe answers queries as [hosts.Machine] says.
func (m *Machine) Observe(ctx context.Context, queries []hosts.Query) (hosts.Facts, error) {
	m.batch.Lock()
	defer m.batch.Unlock()
	if err := m.trip(ctx, "observe"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.load()
	if err != nil {
		return nil, hosts.NewStepError(m.host, "observe", err)
	}
	facts := make(hosts.Facts, len(queries))
	for _, q := range hosts.Distinct(queries) {
		err := m.fault(q.Key())
		if err == nil {
			facts[q.Key()], err = m.answer(s, q)
		}
		if err != nil {
			return nil, hosts.NewStepError(m.host, "observe "+q.Key(), err)
		}
	}
	return facts, nil
}

// Apply carries out operations as [hosts.Machine] says.
func (m *Machine) Apply(ctx context.Context, operations []hosts.Operation, progress func(string)) ([]hosts.Result, error) {
	if len(operations) == 0 {
		return nil, nil
	}
	if progress == nil {
		progress = func(string) {}
	}
	if err := m.hold(); err != nil {
		return make([]hosts.Result, 1), hosts.NewStepError(m.host, operations[0].Step(), err)
	}
	var results []hosts.Result
	for _, batch := range hosts.Batches(operations) {
		done, err := m.carryOut(ctx, batch, progress)
		results = append(results, done...)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

func (m *Machine) carryOut(ctx context.Context, batch []hosts.Operation, progress func(string)) ([]hosts.Result, error) {
	if !batch[0].Long() {
		m.batch.Lock()
		defer m.batch.Unlock()
	}
	if err := m.trip(ctx, batch[0].Step()); err != nil {
		return make([]hosts.Result, 1), err
	}
	var results []hosts.Result
	for _, o := range batch {
		start := time.Now()
		result, err := m.one(o, progress)
		result.Took = time.Since(start)
		results = append(results, result)
		if err != nil {
			return results, hosts.NewStepError(m.host, o.Step(), err)
		}
	}
	return results, nil
}

// one carries out and records one operation.
func (m *Machine) one(o hosts.Operation, progress func(string)) (hosts.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.load()
	if err != nil {
		return hosts.Result{}, err
	}
	var result hosts.Result
	if err = m.fault(o.Step()); err == nil {
		result, err = m.operate(s, o, progress)
	}
	if err == nil {
		err = m.save(s)
	}
	return result, errors.Join(err, m.record(o, result, err))
}

// trip lets the time of a round trip pass.
func (m *Machine) trip(ctx context.Context, step string) error {
	m.mu.Lock()
	m.count++
	m.mu.Unlock()
	timer := time.NewTimer(m.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return hosts.NewStepError(m.host, step, context.Cause(ctx))
	}
	if err := m.fault("observe"); step == "observe" && err != nil {
		return hosts.NewStepError(m.host, step, err)
	}
	return nil
}

// hold takes the lock of the machine unless this Machine has it.
func (m *Machine) hold() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lock != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(m.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 200)
		n, _ := f.Read(holder)
		return errors.Join(fmt.Errorf("%w: %s", hosts.ErrLocked, holder[:n]), f.Close())
	}
	holder := fmt.Sprintf("pid %d", os.Getpid())
	if err := errors.Join(f.Truncate(0), writeAt(f, holder)); err != nil {
		return errors.Join(err, f.Close())
	}
	m.lock = f
	return nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// record appends a line to calls.log.
func (m *Machine) record(o hosts.Operation, r hosts.Result, err error) error {
	call := struct {
		Host    string `json:"host"`
		Step    string `json:"step"`
		Outcome string `json:"outcome"`
		Error   string `json:"error,omitempty"`
	}{Host: m.host, Step: o.Step(), Outcome: "unchanged"}
	switch {
	case err != nil:
		call.Outcome, call.Error = "failed", err.Error()
	case r.Changed:
		call.Outcome = "changed"
	}
	line, err := json.Marshal(call)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(m.dir, "calls.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
