package qemu

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// disks makes the disks that are missing and grows those that are smaller
// than declared. The machine does not run.
func (v *vm) disks(ctx context.Context) error {
	if !v.has(dataFile) {
		if err := v.makeDisk(ctx, dataFile, strconv.FormatInt(v.state.Data, 10)); err != nil {
			return err
		}
	}
	if !v.has(diskFile) {
		_, needs, err := inspect(ctx, v.state.Image.Path)
		if err != nil {
			return err
		}
		if needs > v.state.Disk {
			return &hinted{
				fmt.Errorf("disk is %s, image %q needs %s", bytesText(v.state.Disk), v.state.Image.Reference, bytesText(needs)),
				fmt.Sprintf("declare disk = %q or more", bytesText(needs)),
			}
		}
		err = v.makeDisk(ctx, diskFile, strconv.FormatInt(v.state.Disk, 10),
			"-b", v.state.Image.Path, "-F", v.state.Image.Format)
		if err != nil {
			return err
		}
	}
	if err := v.grow(ctx, dataFile, v.state.Data); err != nil {
		return err
	}
	return v.grow(ctx, diskFile, v.state.Disk)
}

// makeDisk creates a qcow2 image under its name at once.
func (v *vm) makeDisk(ctx context.Context, name, size string, options ...string) error {
	temp := v.path(name + ".new")
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	argv := append([]string{"qemu-img", "create", "-q", "-f", "qcow2"}, options...)
	if _, err := run(ctx, append(argv, "--", temp, size)...); err != nil {
		return err
	}
	if err := os.Rename(temp, v.path(name)); err != nil {
		return err
	}
	return durable.SyncDir(v.dir)
}

func (v *vm) grow(ctx context.Context, name string, to int64) error {
	_, now, err := inspect(ctx, v.path(name))
	if err != nil || now >= to {
		return err
	}
	_, err = run(ctx, "qemu-img", "resize", "-q", "-f", "qcow2", "--", v.path(name), strconv.FormatInt(to, 10))
	return err
}

// bytesText writes a size as an environment file does.
func bytesText(n int64) string {
	switch {
	case n%(1<<30) == 0:
		return strconv.FormatInt(n>>30, 10) + "GiB"
	case n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "MiB"
	}
	return strconv.FormatInt(n, 10)
}
