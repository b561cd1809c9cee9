package qemu

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// preferred is the number on the operator's side that a port of the machine
// gets when it is free. Port 22 there is the operator's own.
func preferred(guest int) int {
	if guest == 22 {
		return 2222
	}
	return guest
}

// allocation decides which number each port of a machine has on the
// operator's side. Ports of one number share theirs in both protocols, since
// a reference to a port names no protocol.
type allocation struct {
	now    []forward                         // as they were
	active func(forward) bool                // the running machine holds it
	free   func(proto string, port int) bool // nobody holds it or has it reserved
	random func() (int, error)               // a number that may be free
}

// maxTries bounds the search for a number that is free in both protocols.
const maxTries = 100

// forwards returns one forward for each needed port, in their order.
func (a allocation) forwards(needed []ForwardPort) ([]forward, error) {
	chosen := map[int]int{}
	taken := map[int]bool{}
	var out []forward
	for _, p := range needed {
		if _, ok := chosen[p.Port]; !ok {
			n, err := a.choose(p.Port, protocols(needed, p.Port), taken)
			if err != nil {
				return nil, err
			}
			chosen[p.Port], taken[n] = n, true
		}
		out = append(out, forward{Proto: p.Proto, Guest: p.Port, Host: chosen[p.Port]})
	}
	return out, nil
}

func protocols(ports []ForwardPort, port int) []string {
	var protos []string
	for _, p := range ports {
		if p.Port == port {
			protos = append(protos, p.Proto)
		}
	}
	return protos
}

func (a allocation) choose(guest int, protos []string, taken map[int]bool) (int, error) {
	fits := func(n int) bool {
		return !taken[n] && !slices.ContainsFunc(protos, func(proto string) bool {
			return !a.active(forward{Proto: proto, Guest: guest, Host: n}) && !a.free(proto, n)
		})
	}
	for _, f := range a.now {
		if f.Guest == guest && fits(f.Host) {
			return f.Host, nil
		}
	}
	if n := preferred(guest); fits(n) {
		return n, nil
	}
	for range maxTries {
		n, err := a.random()
		if err != nil {
			return 0, err
		}
		if fits(n) {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no free port for %s %d on this computer", strings.Join(protos, " and "), guest)
}

// allocate decides the forwards anew and makes them durable. Runs that do so
// at the same time, for other machines, wait for each other.
func (v *vm) allocate(ctx context.Context, active []forward) error {
	vms := filepath.Join(v.config.DataHome, "vms")
	unlock, err := durable.Lock(ctx, vms)
	if err != nil {
		return err
	}
	defer unlock()
	reserved, err := v.reserved(vms)
	if err != nil {
		return err
	}
	a := allocation{
		now:    v.state.Forwards,
		active: func(f forward) bool { return slices.Contains(active, f) },
		free: func(proto string, port int) bool {
			return !reserved[ForwardPort{proto, port}] && bindable(proto, port)
		},
		random: randomPort,
	}
	forwards, err := a.forwards(v.ports())
	if err != nil {
		return err
	}
	v.state.Forwards = forwards
	return v.save()
}

// reserved returns the numbers that other machines have, also while they are
// stopped.
func (v *vm) reserved(vms string) (map[ForwardPort]bool, error) {
	files, err := filepath.Glob(filepath.Join(globEscape(vms), "*", "*", stateFile))
	if err != nil {
		return nil, err
	}
	out := map[ForwardPort]bool{}
	for _, f := range files {
		if filepath.Dir(f) == v.dir {
			continue
		}
		other, err := readState(filepath.Dir(f))
		if err != nil {
			continue // a problem of that machine
		}
		for _, p := range other.Forwards {
			out[ForwardPort{p.Proto, p.Host}] = true
		}
	}
	return out, nil
}

func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// bindable reports whether nobody listens on a port of loopback now.
func bindable(proto string, port int) bool {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if proto == "udp" {
		c, err := net.ListenPacket("udp4", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	l, err := net.Listen("tcp4", address)
	if err == nil {
		l.Close()
	}
	return err == nil
}

func randomPort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// forwarded returns the forwards that the running machine has.
func (v *vm) forwarded(ctx context.Context) ([]forward, error) {
	var text string
	err := v.ask(ctx, func(m *monitor) (err error) {
		text, err = m.human("info usernet")
		return err
	})
	return parseUsernet(text), err
}

// parseUsernet reads the lines of "info usernet" that are forwards:
//
//	TCP[HOST_FORWARD]  13       127.0.0.1  2222       10.0.2.15    22     0     0
//
// The address of the machine is missing where QEMU does not know it yet.
func parseUsernet(text string) []forward {
	var out []forward
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasSuffix(f[0], "[HOST_FORWARD]") {
			continue
		}
		host, herr := strconv.Atoi(f[3])
		guest, gerr := strconv.Atoi(f[5])
		if herr == nil && gerr == nil {
			proto := strings.ToLower(strings.TrimSuffix(f[0], "[HOST_FORWARD]"))
			out = append(out, forward{Proto: proto, Guest: guest, Host: host})
		}
	}
	return out
}

// reconcilePorts makes the running machine forward what is needed now.
func (v *vm) reconcilePorts(ctx context.Context, progress func(string)) error {
	if v.state.Bridge != nil {
		return nil
	}
	active, err := v.forwarded(ctx)
	if err != nil {
		return err
	}
	if err := v.allocate(ctx, active); err != nil {
		return err
	}
	return v.ask(ctx, func(m *monitor) error {
		for _, f := range active {
			if slices.Contains(v.state.Forwards, f) {
				continue
			}
			progress(fmt.Sprintf("no longer forwarding %s %d", f.Proto, f.Host))
			rule, _, _ := strings.Cut(f.rule(), "-")
			if said, err := m.human("hostfwd_remove net0 " + rule); err != nil || !strings.Contains(said, "removed") {
				return fmt.Errorf("hostfwd_remove %s: %s (%w)", rule, strings.TrimSpace(said), err)
			}
		}
		for _, f := range v.state.Forwards {
			if slices.Contains(active, f) {
				continue
			}
			progress(fmt.Sprintf("forwarding %s %d to %d", f.Proto, f.Host, f.Guest))
			if said, err := m.human("hostfwd_add net0 " + f.rule()); err != nil || strings.TrimSpace(said) != "" {
				return fmt.Errorf("hostfwd_add %s: %s (%w)", f.rule(), strings.TrimSpace(said), err)
			}
		}
		return nil
	})
}

// keptMoved says which forwards have another number than before.
func keptMoved(before, after []forward) []string {
	var lines []string
	for _, b := range before {
		for _, a := range after {
			if a.Proto == b.Proto && a.Guest == b.Guest && a.Host != b.Host {
				lines = append(lines, fmt.Sprintf("port %d is taken: %s %d of the machine is now %d", b.Host, a.Proto, a.Guest, a.Host))
			}
		}
	}
	return lines
}

// removeEmpty deletes dir when nothing is in it, and says nothing when there is.
func removeEmpty(dir string) { _ = os.Remove(dir) }
