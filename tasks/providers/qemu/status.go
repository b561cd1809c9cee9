package qemu

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// Status looks for the machine's process and its files. It asks QEMU, never
// the machine itself: one that runs may not answer yet.
func (p *Provider) Status(ctx context.Context, host environments.Host) (tasks.Status, error) {
	v, err := p.open(host)
	if err != nil {
		return tasks.Status{}, err
	}
	s, err := v.status(ctx)
	return s, v.wrap(err)
}

func (v *vm) status(ctx context.Context) (tasks.Status, error) {
	pid, err := v.process(ctx)
	if err != nil {
		return tasks.Status{}, err
	}
	switch {
	case pid != 0 && v.state.format() != 0:
		return v.running(ctx)
	case v.state.format() != 0 && v.has(diskFile):
		s := tasks.Status{State: tasks.StateStopped, Reason: "it is switched off"}
		if err := v.state.Image.intact(); err != nil {
			s.Reason += ", and " + err.Error()
		}
		v.compare(&s, nil)
		return s, nil
	}
	s := tasks.Status{State: tasks.StateAbsent, Reason: "it was never made, or was destroyed"}
	if v.state.Booted {
		s.Reason = "its system disk is gone"
	}
	if v.has(dataFile) {
		s.Kept = []string{"data disk"}
	}
	return s, nil
}

// running is the status of a machine whose process is there.
func (v *vm) running(ctx context.Context) (tasks.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s := tasks.Status{State: tasks.StateRunning}
	var word, usernet string
	err := v.ask(ctx, func(m *monitor) (err error) {
		if word, err = m.status(); err == nil && v.state.Bridge == nil {
			usernet, err = m.human("info usernet")
		}
		return err
	})
	switch {
	case err != nil:
		s.State, s.Reason = tasks.StateUnreachable, "qemu does not answer: "+err.Error()
		return s, nil
	case word != "running":
		s.State, s.Reason = tasks.StateUnreachable, "qemu says that it is "+word
		return s, nil
	}
	s.Outputs = v.outputs()
	s.Address = v.address()
	v.compare(&s, parseUsernet(usernet))
	return s, nil
}

// address is where sshd of the machine is reached.
func (v *vm) address() string {
	if b := v.state.Bridge; b != nil {
		return net.JoinHostPort(plainAddress(cmp.Or(b.IPv4, b.IPv6)), strconv.Itoa(v.state.SSHPort))
	}
	for _, f := range v.state.Forwards {
		if f.Proto == "tcp" && f.Guest == v.state.SSHPort {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(f.Host))
		}
	}
	return ""
}

// outputs answers refs to the machine.
func (v *vm) outputs() map[string]string {
	out := map[string]string{}
	b := v.state.Bridge
	if b == nil {
		out["ipv4"] = "127.0.0.1"
		for _, f := range v.state.Forwards {
			out["port:"+strconv.Itoa(f.Guest)] = strconv.Itoa(f.Host)
		}
		return out
	}
	for family, address := range map[string]string{"ipv4": b.IPv4, "ipv6": b.IPv6} {
		if address != "" {
			out[family] = plainAddress(address)
		}
	}
	for _, p := range v.ports() {
		out["port:"+strconv.Itoa(p.Port)] = strconv.Itoa(p.Port)
	}
	return out
}

// plainAddress is an address without its prefix length.
func plainAddress(s string) string {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr().String()
	}
	return s
}

// difference is a property that is not as declared.
type difference struct {
	tasks.FieldChange
	restart bool // the machine has to be started again
	replace bool // there has to be a new machine
}

// compare adds what differs from the declaration to s.
func (v *vm) compare(s *tasks.Status, active []forward) {
	for _, d := range v.differences() {
		s.Changes = append(s.Changes, d.FieldChange)
		s.Replace = s.Replace || d.replace
	}
	if v.state.Bridge != nil || s.State != tasks.StateRunning {
		return
	}
	needed := v.ports()
	for _, p := range needed {
		if !slices.ContainsFunc(active, func(f forward) bool { return f.Proto == p.Proto && f.Guest == p.Port }) {
			s.Changes = append(s.Changes, tasks.FieldChange{Name: "forwarded port", New: p.String()})
		}
	}
	for _, f := range active {
		if p := (ForwardPort{f.Proto, f.Guest}); !slices.Contains(needed, p) {
			s.Changes = append(s.Changes, tasks.FieldChange{Name: "forwarded port", Old: p.String()})
		}
	}
}

// differences compares the machine with its declaration, ports aside.
func (v *vm) differences() []difference {
	is, want := v.state, v.spec
	old, declared := v.imageText(), want.Image
	if v.sameImage() {
		old = declared
	}
	rows := []struct {
		name, is, want string
		replace        bool
	}{
		{"image", old, declared, true},
		{"cpus", strconv.Itoa(is.CPUs), strconv.Itoa(want.CPUs), false},
		{"memory", bytesText(is.Memory), bytesText(want.Memory), false},
		{"disk", bytesText(is.Disk), bytesText(want.Disk), want.Disk < is.Disk},
		{"data", bytesText(is.Data), bytesText(want.Data), false},
		{"network", is.Bridge.String(), declaredBridge(want).String(), true},
		{"user", is.User, v.host.User, true},
		{"ssh port", strconv.Itoa(is.SSHPort), strconv.Itoa(v.sshPort()), true},
	}
	if key, err := v.config.Keys.ClientKey(v.host.Name, false); err == nil {
		rows = append(rows, struct {
			name, is, want string
			replace        bool
		}{"ssh key", is.AuthorizedKey, authorized(key.PublicKey()), true})
	}
	var out []difference
	for _, r := range rows {
		if r.is != r.want {
			out = append(out, difference{tasks.FieldChange{Name: r.name, Old: r.is, New: r.want}, !r.replace, r.replace})
		}
	}
	return out
}

// sameImage reports whether the declared image is the one below the system
// disk: by checksum where both have one of the same kind, else by name.
func (v *vm) sameImage() bool {
	i := v.state.Image
	if len(i.Checksum) > 0 && len(i.Checksum) == len(v.spec.Checksum) {
		return strings.EqualFold(i.Checksum, v.spec.Checksum)
	}
	return i.Reference == v.spec.Image
}

// imageText names the image below the system disk; with its checksum where
// the name is the declared one.
func (v *vm) imageText() string {
	if v.state.Image.Reference == v.spec.Image {
		return v.state.Image.Reference + " " + v.state.Image.Checksum
	}
	return v.state.Image.Reference
}

// String describes the network; nil is the user-mode network.
func (b *bridge) String() string {
	if b == nil {
		return "user"
	}
	return strings.Join(slices.DeleteFunc([]string{"bridge " + b.Name, b.IPv4, b.IPv6}, func(s string) bool { return s == "" }), " ")
}
