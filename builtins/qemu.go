package builtins

import (
	"regexp"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

// Debian13 is the value of DEBIAN_13: a build of Debian 13's generic cloud
// image for x86-64, and Debian13Checksum the sha512 that its SHA512SUMS lists.
const (
	Debian13         = "https://cloud.debian.org/images/cloud/trixie/20260712-2537/debian-13-genericcloud-amd64-20260712-2537.qcow2"
	Debian13Checksum = "7ae53e9dbee282bfc16f289dec483dde3a8598769c38a267948310f7a2a52c662620198603bc52c142627efba379863d16079698a10b34102d55bcedd40e8d32"
)

func qemu() Builtin {
	return Builtin{
		Name:    "qemu",
		Doc:     "A virtual machine on the operator's computer, without root or a daemon.",
		Example: `qemu(image = "images/debian-13.qcow2", memory = "4GiB")`,
		Parameters: []Parameter{
			{Name: "image", to: filled(), preset: starlark.String(Debian13), Example: `"images/debian-13.qcow2"`, Doc: "A cloud image: a URL, or a path relative to the project's root. DEBIAN_13 is a build of Debian's own."},
			{Name: "sha256", to: orEmpty(checksum()), preset: starlark.String(""), Example: `"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`, Doc: "Checksum of the image, 64 hexadecimal digits, or 128 of its sha512. Required for a URL other than DEBIAN_13."},
			{Name: "cpus", to: integer(1, 256), preset: starlark.MakeInt(2), Unit: "cores", Example: "4", Doc: "Virtual processors."},
			{Name: "memory", to: size(128 << 20), preset: starlark.String("2GiB"), Unit: "MiB, GiB", Example: `"4GiB"`, Doc: "Memory."},
			{Name: "disk", to: size(1 << 30), preset: starlark.String("10GiB"), Unit: "GiB, TiB", Example: `"20GiB"`, Doc: "Size of the system disk."},
			{Name: "data", to: size(64 << 20), preset: starlark.String("10GiB"), Unit: "GiB, TiB", Example: `"50GiB"`, Doc: "Size of the second disk, which holds the data and outlives the first."},
			{Name: "network", to: networkMode(), preset: starlark.String("user"), Example: `bridge("br0", ipv4 = "10.77.0.2/24")`, Doc: `"user": user-mode, the ports of the firewall are forwarded; or bridge(…).`},
		},
		make: makeQEMU,
	}
}

var checksumRE = regexp.MustCompile(`^([0-9a-f]{64}|[0-9a-f]{128})$`)

func checksum() converter {
	return checked(text(), "checksum", func(s string) error {
		if !checksumRE.MatchString(s) {
			return misfitf("%s is not a checksum", quote(s)).withHint("64 hexadecimal digits of a sha256, or 128 of a sha512, in lower case")
		}
		return nil
	})
}

// networkMode takes "user" or a bridge.
func networkMode() converter {
	return converter{`"user" or bridge`, func(v starlark.Value) (any, error) {
		switch v := v.(type) {
		case starlark.String:
			if v != "user" {
				return nil, misfitf(`got %s, want "user" or bridge(…)`, quote(string(v)))
			}
			return (*environments.Bridge)(nil), nil
		case *Handle:
			if b, ok := v.payload.(environments.Bridge); ok {
				return &b, nil
			}
		}
		return nil, want(v, `"user" or bridge(…)`)
	}}
}

func makeQEMU(c *call) starlark.Value {
	q := environments.QEMU{
		Image: get[string](c, "image"), Checksum: get[string](c, "sha256"), CPUs: get[int](c, "cpus"),
		Memory: get[int64](c, "memory"), Disk: get[int64](c, "disk"), Data: get[int64](c, "data"),
		Network: get[*environments.Bridge](c, "network"),
	}
	if q.Image == Debian13 && q.Checksum == "" {
		q.Checksum = Debian13Checksum
	}
	if strings.Contains(q.Image, "://") {
		if !strings.HasPrefix(q.Image, "https://") && !strings.HasPrefix(q.Image, "http://") {
			c.problem("image", "image: "+quote(q.Image)+" is neither a path nor an http or https URL", "")
		} else if q.Checksum == "" {
			c.problem("", "an image from a URL needs its checksum", "sha256 = … takes a sha256 or sha512; publishers list it beside the image")
		}
	}
	return valueHandle("qemu", environments.Provider{QEMU: &q})
}
