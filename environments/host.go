package environments

import "strings"

// A Host is a machine of the environment, declared by vm(); its node is
// "vm:NAME".
type Host struct {
	Declared
	Provider        Provider          `json:"provider"`
	User            string            `json:"user"`    // login over ssh
	SSHPort         int               `json:"sshPort"` // on the machine
	Labels          map[string]string `json:"labels,omitempty"`
	RegistryMirrors []string          `json:"registryMirrors,omitempty"` // URLs for daemon.json
	AptMirror       string            `json:"aptMirror,omitempty"`       // one sources.list line or a URL, "" = the image's own
	Packages        []string          `json:"packages,omitempty"`        // beside what the program needs itself
	Registries      []Registry        `json:"registries,omitempty"`      // that images are pulled from with a login, by name
}

// A Registry is where a host pulls images with a login.
type Registry struct {
	Name  string `json:"name"` // as references of images begin: ghcr.io, docker.io
	Login Login  `json:"login"`
}

// A Login is a name at a registry with its password, which holds secrets and
// literals only.
type Login struct {
	User     string `json:"user"`
	Password Value  `json:"password"`
}

// A Provider says where a machine comes from; exactly one field is set.
type Provider struct {
	QEMU      *QEMU      `json:"qemu,omitempty"`
	Existing  *Existing  `json:"existing,omitempty"`
	Simulated *Simulated `json:"simulated,omitempty"`
	Hetzner   *Hetzner   `json:"hetzner,omitempty"`
}

// Kind returns the name of the built-in that made p: qemu, existing,
// simulated or hetzner; "" for the zero Provider.
func (p Provider) Kind() string {
	switch {
	case p.QEMU != nil:
		return "qemu"
	case p.Existing != nil:
		return "existing"
	case p.Simulated != nil:
		return "simulated"
	case p.Hetzner != nil:
		return "hetzner"
	default:
		return ""
	}
}

// Local reports whether the machine lives on the operator's own computer, so
// that an environment id may be derived from the project.
func (p Provider) Local() bool { return p.QEMU != nil || p.Simulated != nil }

// Architecture returns that of the machine as images of containers call it,
// amd64 or arm64; "" where only the machine itself knows.
func (p Provider) Architecture() string {
	switch {
	case p.Hetzner == nil:
		return ""
	case strings.HasPrefix(p.Hetzner.ServerType, "cax"): // https://docs.hetzner.cloud: the Ampere series
		return "arm64"
	default:
		return "amd64"
	}
}

// QEMU is a virtual machine on the operator's computer.
type QEMU struct {
	Image    string  `json:"image"`              // URL or path of a cloud image
	Checksum string  `json:"checksum,omitempty"` // sha256 (64) or sha512 (128 hexadecimal digits); required for a URL
	CPUs     int     `json:"cpus"`
	Memory   int64   `json:"memory"` // bytes
	Disk     int64   `json:"disk"`   // bytes, system disk
	Data     int64   `json:"data"`   // bytes, data disk
	Network  *Bridge `json:"network,omitempty"`
}

// A Bridge attaches a virtual machine to a bridge of the operator's computer
// with fixed addresses; without one the network is user-mode with forwarded
// ports.
type Bridge struct {
	Name string `json:"name"`
	IPv4 string `json:"ipv4,omitempty"` // address with prefix length
	IPv6 string `json:"ipv6,omitempty"` // address with prefix length
}

// Existing is a machine that is already there.
type Existing struct {
	Address     string `json:"address"` // name or IP address
	User        string `json:"user"`
	Port        int    `json:"port"`
	Fingerprint string `json:"fingerprint,omitempty"` // SHA256:… of a host key; "" = first use is shown and recorded
}

// Simulated is a machine on disk, for tests.
type Simulated struct {
	Directory string `json:"directory"` // relative to the project root
	Latency   int64  `json:"latency"`   // nanoseconds per batch
}

// Hetzner is a server of Hetzner Cloud.
type Hetzner struct {
	ServerType string `json:"serverType"` // "cpx22"
	Location   string `json:"location"`   // "fsn1"
	Image      string `json:"image"`      // name or number of an image
	Token      Value  `json:"token"`      // of the project at the cloud; a secret
}
