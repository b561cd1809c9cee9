// Package probes asks a running service whether it does its work: the part of
// `test` that looks from where its users are.
//
// [New] turns an environments.Probe into an action. There are four questions:
//
//   - a UDP tracker (BEP 15) and an HTTP tracker (BEP 3, 7, 23, 48) are given
//     two peers that must find each other (swarm.go). The tracker is asked on
//     every address of its name, each by its own family; the peers are always
//     taken back.
//   - a URL is got once and its status, body and JSON are compared.
//   - a TCP port is connected to.
//
// A service that was started a moment ago may still refuse: refused and reset
// connections are tried again until the timeout, and a UDP packet is sent
// three times. Everything else is an answer, and a wrong answer fails at once,
// so that a service that works now and then is not found to work.
//
// Expect.Silent turns a question around: nothing may answer. A UDP port is
// silent when no packet comes back, any other when the connection is refused
// ("closed") or not answered; a name that does not resolve or a network that
// cannot be reached proves nothing and fails.
//
// Errors say who was asked for what, and what came instead. They never hold a
// secret, nor a URL's query or user (secrets.go).
package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// defaultTimeout is for a probe that has none.
const defaultTimeout = 30 * time.Second

// New returns the action that asks what p says. It fails when the answer is
// not the expected one, when none comes within p.Timeout (0 is 30 s), and
// when p cannot be asked at all. With p.Inside the machine of its
// surroundings must be a hosts.Dialer.
func New(p environments.Probe) tasks.Action { return probe{p} }

type probe struct{ environments.Probe }

// An attempt is one run of a probe.
type attempt struct {
	target  string // as rendered: may hold secrets
	shown   string // the same for people
	inside  bool
	dial    dialFunc
	expect  environments.Expect
	lookup  environments.Lookup
	timeout time.Duration
	secrets *secrets
	report  func(format string, args ...any)
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Run asks. Its progress lines say what was seen.
func (p probe) Run(ctx context.Context, surroundings tasks.Surroundings) error {
	value, ask := p.question()
	if value == nil {
		return errors.New("the probe asks nothing: it has neither udp_tracker nor http_tracker, http or tcp")
	}
	a, err := p.attempt(*value, surroundings)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	err = ask(bounded, a)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		return nil
	}
	return a.secrets.clean(fmt.Errorf("%s: %w", a.shown, err))
}

// question returns what is asked and how.
func (p probe) question() (*environments.Value, func(context.Context, *attempt) error) {
	for _, q := range []struct {
		value     *environments.Value
		ask, hush func(context.Context, *attempt) error
	}{
		{p.UDPTracker, askUDPTracker, hushUDP},
		{p.HTTPTracker, askHTTPTracker, hushURL},
		{p.HTTP, askHTTP, hushURL},
		{p.TCP, askTCP, hushTCP},
	} {
		switch {
		case q.value == nil:
		case p.Expect.Silent:
			return q.value, q.hush
		default:
			return q.value, q.ask
		}
	}
	return nil, nil
}

func (p probe) attempt(value environments.Value, s tasks.Surroundings) (*attempt, error) {
	known := &secrets{}
	lookup := known.watch(s.Scope.Lookup)
	target, err := value.Render(lookup)
	if err != nil {
		return nil, err
	}
	shown, err := value.Render(s.Scope.Masked)
	if err != nil {
		return nil, err
	}
	a := &attempt{
		target: target, shown: address(shown), inside: p.Inside, expect: p.Expect, lookup: lookup,
		timeout: time.Duration(p.Timeout), secrets: known, dial: (&net.Dialer{}).DialContext,
	}
	if a.timeout == 0 {
		a.timeout = defaultTimeout
	}
	var lock sync.Mutex // addresses are asked side by side
	a.report = func(format string, args ...any) {
		line := known.hide(fmt.Sprintf(format, args...))
		lock.Lock()
		defer lock.Unlock()
		s.Progress(line)
	}
	if !p.Inside {
		return a, nil
	}
	if a.dial, err = inside(p, s.Machine); err != nil {
		return nil, fmt.Errorf("%s: %w", a.shown, err)
	}
	return a, nil
}

// inside returns the way to connect from the machine itself.
func inside(p probe, machine hosts.Machine) (dialFunc, error) {
	if p.UDPTracker != nil {
		return nil, &failure{
			text: "a UDP tracker cannot be asked from inside the machine: ssh carries no UDP",
			hint: "leave inside out, and ask from where the users are",
		}
	}
	d, ok := machine.(hosts.Dialer)
	if !ok {
		return nil, fmt.Errorf("nothing can connect from inside the machine %q", p.Host)
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil && strings.Contains(strings.ToLower(err.Error()), "connection refused") {
			err = fmt.Errorf("%w (%v)", syscall.ECONNREFUSED, err) // through ssh it is words only
		}
		return conn, err
	}, nil
}

// silence is how long nothing may answer where nothing should.
const silence = 3 * time.Second

// quiet is the silence that fits into the timeout.
func (a *attempt) quiet() time.Duration { return min(silence, a.timeout*3/4) }
