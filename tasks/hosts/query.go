package hosts

import (
	"fmt"
	"strings"
)

// A Query is something to read from a machine. The list is closed: the types
// in this file.
type Query interface {
	// Key identifies the query within a batch; equal keys are asked once.
	Key() string
	query()
}

// A Fact is the answer to a Query: *FileFact for FileQuery, and so on.
type Fact interface{ fact() }

// Facts are the answers of a batch by query key.
type Facts map[string]Fact

// Find returns the fact that answers q; false when it was not asked.
func Find[F Fact](facts Facts, q Query) (F, bool) {
	f, ok := facts[q.Key()].(F)
	return f, ok
}

// SystemQuery asks what kind of machine this is.
type SystemQuery struct{}

// SystemFact is the answer to SystemQuery.
type SystemFact struct {
	OS           string   // os-release ID: debian, ubuntu, …
	Version      string   // os-release VERSION_ID: "13"
	Codename     string   // os-release VERSION_CODENAME: trixie
	Architecture string   // Go's name: amd64, arm64
	Kernel       string   // uname -r
	BootID       string   // changes with every boot
	User         string   // the login user
	Root         bool     // root commands can be run
	Memory       int64    // bytes
	DiskFree     int64    // bytes on the file system of StackDirectory (or its nearest parent)
	Interface    string   // that holds the default route, "" = none
	Addresses    []string // global addresses of all interfaces but docker's
	Docker       string   // version of the docker daemon, "" = none answers
	Compose      string   // version of docker compose, "" = none
}

// AnyContent is a Digest that no file has: its content is always sent back.
const AnyContent = "any"

// FileQuery asks about a file or directory.
type FileQuery struct {
	Path string
	// Digest is the sha256 (hexadecimal) of the wanted bytes: the content of
	// a regular file with another digest is sent back, up to 256 KiB.
	// Empty for directories and for files that only have to exist or not.
	Digest string
	// Secret, when not nil, are the wanted bytes of a file that holds
	// secrets: they are compared on the machine by a keyed digest, and no
	// plain digest of either side leaves it. Where they differ the content
	// is sent back too (over the encrypted connection, never printed as is).
	Secret []byte
}

// FileFact is the answer to FileQuery.
type FileFact struct {
	Type    string // "file", "directory", "link", "other"; "" = not there
	Same    bool   // a file with exactly the wanted bytes
	Digest  string // sha256 of a regular file; "" when the query was Secret
	Version string // what Replaces of a WriteFile compares: opaque, "" = not there
	Mode    string // four octal digits
	Owner   string // name, or number where there is none
	Group   string
	UID     string // the same as numbers; "" where the machine knows names only
	GID     string
	Size    int64
	Content []byte // when it differs, at most 256 KiB
}

// Belongs reports whether the file has this owner and group, each a name or a
// number.
func (f *FileFact) Belongs(owner, group string) bool {
	return (f.Owner == owner || f.UID == owner) && (f.Group == group || f.GID == group)
}

// PackageQuery asks for installed packages of the distribution.
type PackageQuery struct{ Names []string }

// PackageFact maps installed packages to versions; others are missing.
type PackageFact struct{ Versions map[string]string }

// UnitQuery asks about a systemd unit.
type UnitQuery struct{ Name string }

// UnitFact is the answer to UnitQuery.
type UnitFact struct {
	Exists  bool
	Enabled bool
	Active  bool
	Stale   bool // its files changed since systemd read them (NeedDaemonReload)
}

// SysctlQuery asks for kernel parameters by dotted name.
type SysctlQuery struct{ Names []string }

// SysctlFact maps names to values; a parameter the kernel lacks is missing.
type SysctlFact struct{ Values map[string]string }

// FirewallQuery asks whether the live nftables table "inet TABLE" is what
// Rules (nft syntax, a whole file) would make: both are compared in the form
// that the machine's own nft prints.
type FirewallQuery struct {
	Table string
	Rules string
}

// FirewallFact is the answer to FirewallQuery.
type FirewallFact struct {
	Loaded  bool   // the table is there
	Same    bool   // and equal to Rules
	Live    string // its listing, when not Same
	Pending bool   // a commit-confirmed change waits for its confirmation
}

// ComposeQuery asks for the containers of a compose project.
type ComposeQuery struct{ Project string }

// ComposeFact is the answer to ComposeQuery.
type ComposeFact struct{ Containers []Container }

// A Container of a compose project. One-shot containers are left out.
type Container struct {
	Service  string
	ID       string
	ImageID  string // sha256:…
	State    string // running, exited, restarting, created, …
	Health   string // healthy, unhealthy, starting; "" = no health check
	Restarts int
	Started  string // RFC 3339, "" = never
	Labels   map[string]string
	Restart  string // restart policy
	Address  string // IPv4 in one of its networks, "" = it has none of its own or does not run
}

// ImageQuery asks for images of the machine's docker daemon by reference.
type ImageQuery struct{ References []string }

// ImageFact maps references to images; one that is not there is missing.
type ImageFact struct{ Images map[string]Image }

// An Image of the docker daemon.
type Image struct {
	ID           string // sha256:…
	Digest       string // repository digest, sha256:…; "" = never pulled
	Architecture string
}

// ManifestQuery asks for the list of everything that we own on the machine.
type ManifestQuery struct{}

func (SystemQuery) query()   {}
func (FileQuery) query()     {}
func (PackageQuery) query()  {}
func (UnitQuery) query()     {}
func (SysctlQuery) query()   {}
func (FirewallQuery) query() {}
func (ComposeQuery) query()  {}
func (ImageQuery) query()    {}
func (ManifestQuery) query() {}

func (*SystemFact) fact()   {}
func (*FileFact) fact()     {}
func (*PackageFact) fact()  {}
func (*UnitFact) fact()     {}
func (*SysctlFact) fact()   {}
func (*FirewallFact) fact() {}
func (*ComposeFact) fact()  {}
func (*ImageFact) fact()    {}
func (*Manifest) fact()     {}

// Key returns "system".
func (SystemQuery) Key() string { return "system" }

// Key returns "file PATH".
func (q FileQuery) Key() string { return "file " + q.Path }

// Key returns "packages NAMES".
func (q PackageQuery) Key() string { return "packages " + strings.Join(q.Names, " ") }

// Key returns "unit NAME".
func (q UnitQuery) Key() string { return "unit " + q.Name }

// Key returns "sysctl NAMES".
func (q SysctlQuery) Key() string { return "sysctl " + strings.Join(q.Names, " ") }

// Key returns "firewall TABLE".
func (q FirewallQuery) Key() string { return "firewall " + q.Table }

// Key returns "compose PROJECT".
func (q ComposeQuery) Key() string { return "compose " + q.Project }

// Key returns "images REFERENCES".
func (q ImageQuery) Key() string { return fmt.Sprintf("images %s", strings.Join(q.References, " ")) }

// Key returns "manifest".
func (ManifestQuery) Key() string { return "manifest" }
