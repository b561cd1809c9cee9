package qemu

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// Ensure makes the machine, or starts it, or restarts it with other processors
// or memory or larger disks, or only forwards more ports: whatever it takes.
// It returns when QEMU runs the machine, which is before sshd answers. It never
// replaces a system disk that is there.
func (p *Provider) Ensure(ctx context.Context, host environments.Host, progress func(string)) (tasks.Status, error) {
	v, unlock, err := p.lock(ctx, host)
	if err != nil {
		return tasks.Status{}, err
	}
	defer unlock()
	if err := v.ensure(ctx, progress); err != nil {
		return tasks.Status{}, v.wrap(err)
	}
	s, err := v.status(ctx)
	return s, v.wrap(err)
}

func (v *vm) ensure(ctx context.Context, progress func(string)) error {
	pid, err := v.process(ctx)
	if err != nil {
		return err
	}
	if pid != 0 && v.state.format() == 0 { // what is left of one whose directory was deleted
		progress("ending what is left of an earlier machine")
		if err := v.kill(ctx); err != nil {
			return err
		}
		pid = 0
	}
	if pid != 0 {
		done, err := v.ensureRunning(ctx, progress)
		if err != nil || done {
			return err
		}
	}
	if err := v.prepare(ctx, progress); err != nil {
		return err
	}
	return v.launch(ctx, progress)
}

// ensureRunning brings a machine that runs up to date, false when it has been
// switched off instead since that takes a start.
func (v *vm) ensureRunning(ctx context.Context, progress func(string)) (done bool, err error) {
	limited, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if err := v.awaitRunning(limited, nil); err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		progress(fmt.Sprintf("switching it off: %v", err))
		return false, v.kill(ctx)
	}
	if slices.ContainsFunc(v.differences(), func(d difference) bool { return d.restart }) {
		if err := v.canGrow(); err != nil {
			return false, err
		}
		progress("shutting down, to start with what is declared now")
		return false, v.shutdown(ctx)
	}
	return true, v.reconcilePorts(ctx, progress)
}

// canGrow reports as an error that a disk is declared smaller than it is.
func (v *vm) canGrow() error {
	for _, d := range []struct {
		name     string
		is, want int64
	}{{"disk", v.state.Disk, v.spec.Disk}, {"data", v.state.Data, v.spec.Data}} {
		if v.has(map[string]string{"disk": diskFile, "data": dataFile}[d.name]) && d.want < d.is {
			return &hinted{
				fmt.Errorf("%s is %s and cannot shrink to %s", d.name, bytesText(d.is), bytesText(d.want)),
				fmt.Sprintf("declare %s = %q or more", d.name, bytesText(d.is)),
			}
		}
	}
	return nil
}

// prepare makes everything that a start needs. The machine does not run.
func (v *vm) prepare(ctx context.Context, progress func(string)) error {
	on, err := thisPlatform()
	if err != nil {
		return err
	}
	for _, program := range []string{on.program, "qemu-img"} {
		if _, err := exec.LookPath(program); err != nil {
			return needed(program, err)
		}
	}
	if err := errors.Join(v.canGrow(), v.checkBridge(ctx)); err != nil {
		return err
	}
	switch {
	case !v.has(diskFile):
		err = v.begin(ctx, progress)
	case v.state.Image == nil:
		err = &hinted{fmt.Errorf("there is a system disk without %s", v.path(stateFile)),
			"destroy the machine (--keep-data keeps its data disk) and deploy"}
	default:
		err = v.state.Image.intact()
	}
	if err != nil {
		return err
	}
	v.state.CPUs, v.state.Memory = v.spec.CPUs, v.spec.Memory
	v.state.Disk, v.state.Data = v.spec.Disk, v.spec.Data
	if err := v.save(); err != nil {
		return err
	}
	if err := v.disks(ctx); err != nil {
		return err
	}
	if err := v.checkKey(); err != nil {
		return err
	}
	return v.prepareSeed()
}

// begin writes down what the new machine will be made from.
func (v *vm) begin(ctx context.Context, progress func(string)) error {
	image, err := v.image(ctx, progress)
	if err != nil {
		return err
	}
	key, err := v.config.Keys.ClientKey(v.host.Name, true)
	if err != nil {
		return err
	}
	instance := make([]byte, 8)
	rand.Read(instance) // never returns an error
	progress("making a machine from " + image.Path)
	v.state.Image = image
	v.state.Bridge = declaredBridge(v.spec)
	v.state.User, v.state.SSHPort = v.host.User, v.sshPort()
	v.state.AuthorizedKey = authorized(key.PublicKey())
	v.state.Instance = "ttd-" + hex.EncodeToString(instance)
	v.state.HostKey, v.state.Booted = "", false
	return nil
}

func declaredBridge(spec *environments.QEMU) *bridge {
	if spec.Network == nil {
		return nil
	}
	return &bridge{Name: spec.Network.Name, IPv4: spec.Network.IPv4, IPv6: spec.Network.IPv6}
}

// checkKey reports as an error that the machine would not let us in.
func (v *vm) checkKey() error {
	key, err := v.config.Keys.ClientKey(v.host.Name, true)
	if err != nil {
		return err
	}
	if authorized(key.PublicKey()) != v.state.AuthorizedKey {
		return &hinted{
			errors.New("it lets in another ssh key than the one that is kept for it"),
			"bring the environment's .age file back, or destroy the machine (--keep-data keeps its data disk) and deploy",
		}
	}
	return nil
}

// launch starts the machine.
func (v *vm) launch(ctx context.Context, progress func(string)) error {
	on, err := thisPlatform()
	if err != nil {
		return err
	}
	acceleration, err := v.acceleration(ctx, on, progress)
	if err != nil {
		return err
	}
	l := launch{
		platform: on, acceleration: acceleration,
		name: "torrust-" + v.config.Environment + "-" + v.host.Name, uuid: v.uuid(), mac: v.mac(),
		cpus: v.state.CPUs, memory: v.state.Memory, dir: v.dir, socket: socketArgument(v.dir),
	}
	if v.state.Bridge != nil {
		l.tap = v.tap()
		if err := v.prepareTap(ctx); err != nil {
			return err
		}
	} else {
		before := slices.Clone(v.state.Forwards)
		if err := v.allocate(ctx, nil); err != nil {
			return err
		}
		for _, line := range keptMoved(before, v.state.Forwards) {
			progress(line)
		}
		l.forwards = v.state.Forwards
	}
	v.state.Argv, v.state.Directory, v.state.Booted = l.argv(), v.dir, true
	if err := v.save(); err != nil {
		return err
	}
	progress("starting it with " + acceleration)
	return v.start(ctx, v.state.Argv)
}
