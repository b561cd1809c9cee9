package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// Remove ends the machine's process and deletes its disks, its directory and
// its network interface, from any state. With keepData the machine is shut
// down in order, and its data disk and the size of it stay. Nothing is left
// to chance: what is still there afterwards is an error.
func (p *Provider) Remove(ctx context.Context, host environments.Host, keepData bool) error {
	v := &vm{Provider: p, host: host, spec: host.Provider.QEMU, dir: p.Directory(host.Name), state: &state{}}
	unlock, err := durable.Lock(ctx, v.dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		unlock = func() {}
	case err != nil:
		return v.wrap(err)
	}
	defer unlock()
	// A state that cannot be read does not keep a machine from being removed.
	if s, err := readState(v.dir); err == nil {
		v.state = s
	}
	return v.wrap(v.remove(ctx, keepData))
}

func (v *vm) remove(ctx context.Context, keepData bool) error {
	keepData = keepData && v.has(dataFile)
	stop := v.kill
	if keepData {
		stop = v.shutdown // its file systems are written out
	}
	if err := stop(ctx); err != nil {
		return err
	}
	if err := v.removeTap(ctx); err != nil {
		return err
	}
	if !keepData {
		if err := os.RemoveAll(v.dir); err != nil {
			return err
		}
		removeEmpty(filepath.Dir(v.dir))
		return v.verifyGone(ctx)
	}
	v.state = &state{Data: v.state.Data}
	if err := v.save(); err != nil {
		return err
	}
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == dataFile || e.Name() == stateFile {
			continue
		}
		if err := os.RemoveAll(v.path(e.Name())); err != nil {
			return err
		}
	}
	return v.verifyGone(ctx)
}

// verifyGone reports as an error what should not be there any more.
func (v *vm) verifyGone(ctx context.Context) error {
	pid, err := v.process(ctx)
	if err == nil && pid != 0 {
		err = fmt.Errorf("its process %d is still there", pid)
	}
	if err == nil && v.has(diskFile) {
		err = fmt.Errorf("its disk is still there: %s", v.path(diskFile))
	}
	return err
}
