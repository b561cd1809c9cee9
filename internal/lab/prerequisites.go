package lab

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Need is something to do with the lab that needs programs.
type Need int

// What programs are needed for.
const (
	ForImages   Need = iota // building artefacts
	ForMachines             // running virtual machines and reaching them
	ForTests                // tests; brings an OpenSSH server, which Debian starts
	ForBench                // measuring beside other tools; brings that server too
)

// tool is a program on PATH, or a file if it is an absolute path, which may be
// a pattern, and the Debian package that has it.
type tool struct{ file, pkg string }

var tools = map[Need][]tool{
	ForImages: {
		{"dpkg-deb", "dpkg"},
		{"grub-mkimage", "grub-common"},
		{filepath.Join(grubDir, "boot.img"), "grub-pc-bin"},
		{"mke2fs", "e2fsprogs"},
		{"mmdebstrap", "mmdebstrap"},
		{"qemu-img", "qemu-utils"},
		{"unshare", "util-linux"},
		{"/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"},
	},
	ForMachines: {
		{"qemu-img", "qemu-utils"},
		{"qemu-system-x86_64", "qemu-system-x86"},
		{"ssh", "openssh-client"},
	},
	ForTests: {
		{"/usr/sbin/sshd", "openssh-server"},
		{"conntrack", "conntrack"},
		{"ip", "iproute2"},
		{"nft", "nftables"},
		{"/usr/lib/python3/dist-packages/libtorrent.*.so", "python3-libtorrent"},
		{"nsenter", "util-linux"},
		{"strace", "strace"},
		{"sudo", "sudo"},
	},
	ForBench: {
		{"/usr/sbin/sshd", "openssh-server"},
		{"ip", "iproute2"},
		{"make", "make"},
		{"ninja", "ninja-build"},
		{"pip3", "python3-pip"},
		{"python3", "python3"},
		{"ssh", "openssh-client"},
		{"unshare", "util-linux"},
	},
}

// PrerequisiteError says that programs are missing and why they could not be
// installed.
type PrerequisiteError struct {
	Packages []string // their Debian names
	Cause    error
}

func (e *PrerequisiteError) Error() string {
	return fmt.Sprintf("missing on this machine: %s: %v", strings.Join(e.Packages, ", "), e.Cause)
}

func (e *PrerequisiteError) Unwrap() error { return e.Cause }

// Hint says what to do about it.
func (e *PrerequisiteError) Hint() string {
	return "install them: apt-get install " + strings.Join(e.Packages, " ") +
		" (or what they are called on this system)"
}

// Install installs what is missing for the needs, by apt as root or through
// sudo, on Debian 12 and 13. Nothing is run where nothing is missing. On any
// other system, and where apt does not manage, the error is a
// [*PrerequisiteError]. What apt says goes to progress.
func Install(ctx context.Context, progress io.Writer, needs ...Need) error {
	packages := missing(needs, hasFile)
	if len(packages) == 0 {
		return nil
	}
	if err := canInstall("/etc/os-release"); err != nil {
		return &PrerequisiteError{Packages: packages, Cause: err}
	}
	fmt.Fprintf(progress, "lab: installing %s\n", strings.Join(packages, ", "))
	for _, argv := range [][]string{
		{"apt-get", "update", "--quiet"},
		append([]string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--quiet",
			"--no-install-recommends"}, packages...),
	} {
		cmd := command(ctx, asRoot(argv))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, progress, progress // sudo may ask for a password
		if err := cmd.Run(); err != nil {
			return &PrerequisiteError{Packages: packages, Cause: commandError(strings.Join(argv, " "), err, "")}
		}
	}
	if packages = missing(needs, hasFile); len(packages) > 0 {
		return &PrerequisiteError{Packages: packages, Cause: fmt.Errorf("apt-get did not bring them")}
	}
	return nil
}

// missing returns the packages of the programs that has does not know, sorted,
// each once.
func missing(needs []Need, has func(file string) bool) []string {
	var packages []string
	for _, need := range needs {
		for _, t := range tools[need] {
			if !has(t.file) {
				packages = append(packages, t.pkg)
			}
		}
	}
	slices.Sort(packages)
	return slices.Compact(packages)
}

// hasFile looks where root would look too: a user's PATH has no sbin on Debian.
func hasFile(file string) bool {
	candidates := []string{file}
	if !filepath.IsAbs(file) {
		if _, err := exec.LookPath(file); err == nil {
			return true
		}
		candidates = []string{"/usr/local/sbin/" + file, "/usr/sbin/" + file, "/sbin/" + file}
	}
	return slices.ContainsFunc(candidates, func(path string) bool {
		found, err := filepath.Glob(path)
		return err == nil && len(found) > 0
	})
}

// canInstall says why apt cannot be used on the system that a file in the
// format of os-release describes.
func canInstall(osRelease string) error {
	content, err := os.ReadFile(osRelease)
	if err != nil {
		return fmt.Errorf("packages are installed on Debian 12 and 13 only: %w", err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	if fields["ID"] != "debian" || !slices.Contains([]string{"12", "13"}, fields["VERSION_ID"]) {
		return fmt.Errorf("packages are installed on Debian 12 and 13 only, this is %s",
			cmp.Or(fields["PRETTY_NAME"], fields["ID"], "an unknown system"))
	}
	if os.Geteuid() != 0 && !hasFile("sudo") {
		return fmt.Errorf("installing needs root, and there is no sudo")
	}
	return nil
}
