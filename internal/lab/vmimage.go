package lab

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The virtual machine images. Both are Debian 13 disks in qcow2 format that
// boot by BIOS, take their settings from a NoCloud seed, grow to the size of
// the disk they find themselves on and have the first serial port as console.
const (
	// Debian13 has Docker and compose.
	Debian13 = "debian-13"
	// Debian13Bare is Debian13 without Docker and what else a configured
	// machine has; [Lab.Packages] serves the difference.
	Debian13Bare = "debian-13-bare"
)

const (
	suite    = "trixie"
	diskSize = 3 << 30 // bytes; the file system starts at this size and grows
	rootUUID = "6d3f2c1a-5b0e-4c9e-9a57-0d1ab5c0de13"
)

//go:embed recipes/vm-prepare.sh
var prepareVM string

//go:embed recipes/vm-customize.sh
var customizeVM string

//go:embed recipes/vm-packages.sh
var downloadPackages string

// basePackages make a Debian tree a cloud image.
var basePackages = []string{
	"cloud-guest-utils", "cloud-init", "dbus", "e2fsprogs", "fdisk", "iproute2",
	"libnss-myhostname", "linux-image-cloud-amd64", "openssh-server", "procps", "sudo", "systemd-resolved",
	"systemd-sysv", "tiny-initramfs", "udev",
}

// machinePackages are what deploying brings to a machine.
var machinePackages = []string{
	"ca-certificates", "conntrack", "curl", "docker-cli", "docker-compose", "docker.io", "iptables",
	"nftables", "unattended-upgrades",
}

// dpkgOptions hold while the tree is made and on the machine: what nobody
// reads there is left out, and installing does not wait for the disk after
// every file.
var dpkgOptions = []string{
	"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
	"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright",
	"--dpkgopt=force-unsafe-io",
}

// grubModules are what the boot loader needs to find and show its menu file.
var grubModules = []string{
	"biosdisk", "part_msdos", "ext2", "normal", "linux", "serial", "terminal",
}

// grubDir holds the boot loader's files on the machine that builds.
const grubDir = "/usr/lib/grub/i386-pc"

// VMImage returns the path of the qcow2 disk of an image, [Debian13] or
// [Debian13Bare], built if needed. It is to be used as the backing file of a
// machine's own disk, never written to.
func (l *Lab) VMImage(ctx context.Context, name string) (string, error) {
	r, ok := vmRecipes()[name]
	if !ok {
		return "", fmt.Errorf("no VM image %q in the lab", name)
	}
	dir, err := l.artefact(ctx, r)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "disk.qcow2"), nil
}

// Packages returns a directory that is a flat Debian repository of what a
// [Debian13Bare] machine lacks, with all dependencies. See [PackageHandler].
func (l *Lab) Packages(ctx context.Context) (string, error) {
	dir, err := l.artefact(ctx, vmRecipes()[Debian13Bare])
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "packages"), nil
}

func vmRecipes() map[string]recipe {
	return map[string]recipe{
		Debian13:     vmRecipe(Debian13, slices.Concat(basePackages, machinePackages), nil),
		Debian13Bare: vmRecipe(Debian13Bare, basePackages, machinePackages),
	}
}

// vmRecipe makes a disk with the packages installed and, beside it, a
// repository of the extra ones, which are fetched against the same tree.
func vmRecipe(name string, installed, extra []string) recipe {
	slices.Sort(installed)
	v := vmBuild{installed: installed, extra: extra}
	return recipe{
		name:  name,
		title: "VM image " + name,
		takes: "about 2 minutes",
		input: []string{
			"format 2", suite, strconv.Itoa(diskSize), strings.Join(installed, " "), strings.Join(extra, " "),
			strings.Join(dpkgOptions, " "), strings.Join(grubModules, " "), rootUUID, prepareVM, customizeVM, downloadPackages,
		},
		build: v.build,
	}
}

type vmBuild struct{ installed, extra []string }

func (v vmBuild) build(ctx context.Context, j *job) error {
	if err := v.tree(ctx, j); err != nil {
		return err
	}
	if len(v.extra) > 0 {
		if err := indexPackages(ctx, j.path("packages")); err != nil {
			return err
		}
	}
	if err := assembleDisk(ctx, j); err != nil {
		return err
	}
	if err := j.remove(ctx, j.path("root")); err != nil {
		return err
	}
	return os.RemoveAll(j.path("work"))
}

// tree makes the Debian tree root and the directory packages.
func (v vmBuild) tree(ctx context.Context, j *job) error {
	scripts := map[string]string{"prepare": prepareVM, "customize": customizeVM, "packages": downloadPackages}
	for name, script := range scripts {
		if err := j.write("work/"+name, []byte(script), 0o755); err != nil {
			return err
		}
	}
	argv := slices.Concat(debootstrap("minbase", v.installed), dpkgOptions)
	argv = append(argv,
		"--essential-hook="+hook(j.path("work/prepare")),
		"--customize-hook="+hook(j.path("work/customize"), rootUUID))
	if len(v.extra) > 0 {
		if err := os.Mkdir(j.path("packages"), 0o755); err != nil {
			return err
		}
		argv = append(argv, "--customize-hook="+hook(j.path("work/packages"), append([]string{j.path("packages")}, v.extra...)...))
	}
	return j.root(ctx, append(argv, suite, j.path("root"))...)
}

// debootstrap returns the start of a command that makes a small Debian tree.
// What it mounts there is seen by nobody else and goes when it goes, also when
// it is killed.
func debootstrap(variant string, packages []string) []string {
	return []string{
		"unshare", "--mount", "--propagation=private", "--",
		"mmdebstrap", "--variant=" + variant, "--aptopt=Acquire::Check-Valid-Until \"false\"",
		"--include=" + strings.Join(packages, ","),
	}
}

// hook is the text by which mmdebstrap runs a script with the tree as its
// first argument and args behind it.
func hook(script string, args ...string) string {
	text := shellQuote(script) + ` "$1"`
	for _, arg := range args {
		text += " " + shellQuote(arg)
	}
	return text
}

func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// assembleDisk makes disk.qcow2 of the tree root.
func assembleDisk(ctx context.Context, j *job) error {
	core, raw := j.path("work/core.img"), j.path("work/disk.raw")
	if err := j.run(ctx, append([]string{"grub-mkimage", "--format=i386-pc", "--directory=" + grubDir,
		"--prefix=(hd0,msdos1)/boot/grub", "--output=" + core}, grubModules...)...); err != nil {
		return err
	}
	boot, err := os.ReadFile(filepath.Join(grubDir, "boot.img"))
	if err != nil {
		return err
	}
	loader, err := os.ReadFile(core)
	if err != nil {
		return err
	}
	if err := newDisk(raw, diskSize, boot, loader); err != nil {
		return err
	}
	// GRUB cannot read the two features that are switched off. The raw file is
	// all zeros: nothing has to be zeroed now or, slowly, on the first boot.
	err = j.root(ctx, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "root", "-U", rootUUID, "-d", j.path("root"), "-m", "1",
		"-O", "^metadata_csum_seed,^orphan_file",
		"-E", fmt.Sprintf("offset=%d,nodiscard,assume_storage_prezeroed=1", partitionStart),
		raw, strconv.Itoa((diskSize-partitionStart)/1024)+"k")
	if err != nil {
		return err
	}
	return j.run(ctx, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, j.path("disk.qcow2"))
}
