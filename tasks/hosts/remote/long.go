package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A work is a long operation as it goes down.
type work struct {
	text     string // the worker's program, after common.sh and worker.sh
	input    []byte
	patient  bool // goes on without us
	deadline time.Duration
	raw      bool // its output is data: no values, no reasons
}

// grace is how long processes get to end before their session is closed.
const grace = 15 * time.Second

// long carries out one operation in a session of its own.
func (m *Machine) long(ctx context.Context, o hosts.Operation, progress func(string)) ([]hosts.Result, error) {
	start := time.Now()
	result, err := m.carryOut(ctx, o, progress)
	result.Took = time.Since(start)
	if result.Changed || err != nil {
		outcome := "changed"
		if err != nil {
			outcome = "went wrong"
		}
		m.mu.Lock()
		_, auditErr := m.batch(context.WithoutCancel(ctx), &script{text: command("audit", oneLine(o.Step()), outcome)})
		m.mu.Unlock()
		if err == nil {
			err = auditErr
		}
	}
	return []hosts.Result{result}, m.failed(o.Step(), err)
}

func (m *Machine) carryOut(ctx context.Context, o hosts.Operation, progress func(string)) (hosts.Result, error) {
	w, err := m.work(o)
	if err != nil {
		return hosts.Result{}, err
	}
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return hosts.Result{}, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.deadline, fmt.Errorf("%w: it still ran after %s", hosts.ErrTimeout, w.deadline))
	defer cancel()
	out := newOutput(newNonce(), w.raw, progress)
	code, err := m.session(ctx, w, out)
	if err != nil {
		return hosts.Result{Output: out.captured()}, err
	}
	if w.raw {
		result := hosts.Result{Changed: true, Output: out.captured(), ExitCode: code}
		if code != 0 {
			return result, fmt.Errorf("exit code %d", code)
		}
		return result, nil
	}
	changed, err := verdict(code, out.reason())
	result := hosts.Result{Changed: changed, Values: out.values}
	if p, ok := o.(hosts.PullImage); ok && err == nil {
		result.Values["digest"] = digestOf(p.Reference, strings.Fields(result.Values["digests"]))
		delete(result.Values, "digests")
	}
	return result, err
}

// session runs work and returns its exit code.
func (m *Machine) session(ctx context.Context, w work, out *output) (int, error) {
	s, err := m.client.NewSession()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	defer s.Close()
	s.Stdout, s.Stderr = out.stream(true), out.stream(false)
	stdin, err := s.StdinPipe()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	worker := program(m.target.Environment, "common", "files", "worker") + "nonce=" + out.nonce + "\n" + w.text
	text := program(m.target.Environment, "common") + "size=" + strconv.Itoa(len(w.input)) + " patient="
	if w.patient {
		text += "yes"
	}
	long, _ := shell.ReadFile("sh/long.sh") // it is compiled in
	text += " text=" + quote(worker) + "\n" + string(long)
	if err := s.Start(bootstrap(len(text))); err != nil {
		return 0, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	over := make(chan struct{})
	go control(ctx, s, stdin, text, w.input, over)
	err = s.Wait()
	close(over)
	out.flush()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*ssh.ExitError](err); ok {
		return exit.ExitStatus(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	return 0, nil
}

// control feeds a session, keeps it alive and tells it to end when ctx does.
func control(ctx context.Context, s *ssh.Session, stdin io.Writer, text string, input []byte, over <-chan struct{}) {
	fed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(stdin, text)
		if err == nil {
			_, err = stdin.Write(input)
		}
		fed <- err
	}()
	tick := time.NewTicker(keepalive)
	defer tick.Stop()
	ready := false
	for {
		select {
		case <-over:
			return
		case err := <-fed:
			if err != nil {
				return
			}
			ready = true
		case <-tick.C:
			if ready {
				_, _ = stdin.Write([]byte("."))
			}
		case <-ctx.Done():
			if ready {
				_, _ = stdin.Write([]byte("k"))
			}
			select {
			case <-over:
			case <-time.After(grace):
				s.Close()
			}
			return
		}
	}
}
