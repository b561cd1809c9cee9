// Package existing is the provider of machines that somebody else runs. It
// looks whether they answer and changes nothing about them: they are neither
// started nor stopped, and removing one takes away what the environment put on
// it (its manifest says what), not the machine.
package existing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// answerWithin is how long a machine may take to accept a connection.
const answerWithin = 5 * time.Second

// Config says what the provider needs to know.
type Config struct {
	// Ports returns the ports of a host whose "port:N" must be answered
	// beside that of ssh. Nil is none.
	Ports func(host string) []int
}

// A Provider looks after existing machines. It keeps nothing.
type Provider struct{ config Config }

// New returns the provider.
func New(config Config) *Provider { return &Provider{config: config} }

// A CannotError is something that a provider of existing machines never does.
type CannotError struct{ Host, Act string }

// Error says what it does not do.
func (e *CannotError) Error() string {
	return fmt.Sprintf("vm %q is an existing machine: the program does not %s it", e.Host, e.Act)
}

// Hint says what can be done instead.
func (e *CannotError) Hint() string {
	return "name a service to " + e.Act + " it alone, or use the tools of whoever runs the machine"
}

// Status connects to the machine's ssh port. One that does not answer within
// five seconds is unreachable. Outputs are its addresses, as the system's
// resolver has them, and every port under its own number.
func (p *Provider) Status(ctx context.Context, host environments.Host) (tasks.Status, error) {
	e, err := declared(host)
	if err != nil {
		return tasks.Status{}, err
	}
	port := cmp.Or(e.Port, host.SSHPort, 22)
	s := tasks.Status{State: tasks.StateUnreachable, Outputs: map[string]string{}}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", e.Address)
	if err != nil {
		return unreachable(ctx, s, fmt.Errorf("address %q: %w", e.Address, err))
	}
	s.Outputs = outputs(addresses, port, p.ports(host.Name))
	address := net.JoinHostPort(e.Address, strconv.Itoa(port))
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return unreachable(ctx, s, err)
	}
	conn.Close()
	s.State, s.Address = tasks.StateRunning, address
	return s, nil
}

// unreachable is s with the reason, or the error of a run that was ended.
func unreachable(ctx context.Context, s tasks.Status, cause error) (tasks.Status, error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return s, ctx.Err()
	}
	s.Reason = "no answer: " + cause.Error()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		s.Reason = fmt.Sprintf("no answer within %s: %v", answerWithin, cause)
	}
	return s, nil
}

func (p *Provider) ports(host string) []int {
	if p.config.Ports == nil {
		return nil
	}
	return p.config.Ports(host)
}

func outputs(addresses []netip.Addr, ssh int, ports []int) map[string]string {
	out := map[string]string{}
	for _, a := range addresses {
		family := "ipv6"
		if a = a.Unmap(); a.Is4() {
			family = "ipv4"
		}
		if _, ok := out[family]; !ok { // the resolver's first choice
			out[family] = a.String()
		}
	}
	for _, n := range append(slices.Clone(ports), ssh) {
		out["port:"+strconv.Itoa(n)] = strconv.Itoa(n)
	}
	return out
}

// Ensure is Status for a machine that must answer: one that does not is an
// error, since there is nothing that could be started.
func (p *Provider) Ensure(ctx context.Context, host environments.Host, progress func(string)) (tasks.Status, error) {
	progress("looking for " + host.Provider.Existing.Address)
	s, err := p.Status(ctx, host)
	if err == nil && s.State != tasks.StateRunning {
		err = fmt.Errorf("vm %q: %s", host.Name, s.Reason)
	}
	return s, err
}

// Stop refuses with a *CannotError.
func (p *Provider) Stop(_ context.Context, host environments.Host) error {
	return &CannotError{Host: host.Name, Act: "stop"}
}

// Remove does nothing: the provider holds nothing of the machine.
func (p *Provider) Remove(context.Context, environments.Host, bool) error { return nil }

func declared(host environments.Host) (*environments.Existing, error) {
	if host.Provider.Existing == nil {
		return nil, fmt.Errorf("vm %q: provider is %q, not existing", host.Name, host.Provider.Kind())
	}
	return host.Provider.Existing, nil
}
