package hosts

import (
	"fmt"
	"strings"
	"time"
)

// An Operation changes a machine. The list is closed: the types in this file.
// Every operation is idempotent: carried out twice it leaves the same machine
// as once, and after an interruption it can be carried out again.
type Operation interface {
	// Step names the operation for people, without secrets: "write /etc/x".
	Step() string
	// Long reports whether it may take more than a second or two and
	// therefore runs in a session of its own, its output streamed.
	Long() bool
	operation()
}

// WriteFile makes Path a regular file with these bytes, mode and owner, by
// a temporary file beside it, fsync and rename. Missing parent directories
// are made with mode 0755, owned by root.
type WriteFile struct {
	Path    string
	Content []byte
	Mode    string // four octal digits
	Owner   string // name or number
	Group   string
	// Replaces is the Version that the plan saw, "" = no file: another one
	// on the machine fails with ErrChanged, unless it is what is to be
	// written already. Nil does not compare.
	Replaces *string
	// InPlace keeps the inode, for a file that is bind-mounted on its own.
	InPlace bool
}

// MakeDirectory makes Path a directory; an existing one gets mode and owner
// unless Once is set.
type MakeDirectory struct {
	Path  string
	Mode  string
	Owner string
	Group string
	Once  bool // owner and mode only when it is created
}

// Remove deletes a file, or a directory with everything in it. A path that
// is not there is fine. Mount points are not crossed.
type Remove struct{ Path string }

// Move gives what is at From the path To; missing parents are made like those
// of a WriteFile. From not being there is fine: it was moved before. At To
// there may be nothing, or an empty directory, which gives way; anything else
// is an error and both stay.
type Move struct{ From, To string }

// InstallPackages installs packages of the distribution, without
// recommended ones and without questions; the index is updated when a name
// is unknown to it or it is missing. Waits for a running package manager.
type InstallPackages struct{ Names []string }

// SetUnit enables or disables a systemd unit and starts, stops, restarts or
// reloads it; systemd re-reads its files first.
type SetUnit struct {
	Name    string
	Enabled bool
	Action  string // start, stop, restart, reload; "" = leave
}

// LoadModule loads a kernel module now. (A file in modules-load.d does it at boot.)
type LoadModule struct{ Name string }

// SetSysctl sets kernel parameters now. (A file in sysctl.d does it at boot.)
type SetSysctl struct{ Values map[string]string }

// ApplyFirewall loads the rules at Path by `nft -f` in one transaction,
// commit-confirmed: unless ConfirmFirewall follows over a new connection
// within Revert, also across a reboot, the machine returns to the rules that
// were loaded before. Connections that Rules refuse and that conntrack still
// remembers are forgotten.
type ApplyFirewall struct {
	Table  string
	Rules  string // the whole file
	Path   string // where it is kept for the next boot
	Revert time.Duration
}

// ConfirmFirewall keeps the rules of the last ApplyFirewall. It runs over a
// connection that was opened after it.
type ConfirmFirewall struct{ Table string }

// DropFirewall removes the table and everything that loads it at boot. A table
// that is not there is fine.
type DropFirewall struct{ Table string }

// PullImage pulls an image for the machine's architecture and answers Values
// "digest" (repository digest) and "id". An image without this architecture
// is ErrUnsupported.
type PullImage struct {
	Reference string
	Always    bool // also when it is there already
}

// ComposeUp creates or recreates the named services of the compose file at
// Directory/compose.yaml where their definition changed, starts them and
// waits until each is healthy and its restart count has stayed put for
// Settle. When Timeout passes, the error holds the last lines of the logs of
// the service that is not healthy.
type ComposeUp struct {
	Project   string
	Directory string
	Services  []string
	Recreate  bool // even when the definition is the same
	Timeout   time.Duration
	Settle    time.Duration
}

// ComposeDown stops and removes the containers of the named services, or
// with none named the whole project and its networks; data stays.
type ComposeDown struct {
	Project  string
	Services []string
}

// ComposeAction starts, stops or restarts the containers of services.
type ComposeAction struct {
	Project  string
	Services []string
	Action   string // start, stop, restart
}

// ComposeReload makes the running container of a service read its files
// again: it runs Argv in it, and then the container has to stay up, the same
// one and healthy, for Settle. What Argv prints is streamed, and is the error
// when it does not exit 0. A container that was bound to a file which something
// has replaced since cannot see what is at that path now: it is restarted
// instead, and Values has "restarted", what it did not see.
type ComposeReload struct {
	Project string
	Service string
	Argv    []string
	Binds   []Bind // what Argv makes it read
	Timeout time.Duration
	Settle  time.Duration
}

// A Bind is a file of the machine that a container has at another path.
type Bind struct {
	Source string // on the machine
	Target string // in the container
}

// FlushConntrack forgets the connections of both families whose original
// destination is one of these ports, so that stale entries do not bypass new
// NAT rules.
type FlushConntrack struct {
	Proto string
	Ports []int
}

// Own puts entries in the manifest and strikes others off, in one write. It
// also claims an unowned machine for the environment; a machine that belongs
// to another is refused.
type Own struct {
	Environment string // id
	Name        string
	Set         map[string]Owned
	Drop        []string
}

// SaveRelease copies the compose file and the mounted files of Directory to
// ReleasesDirectory/N+1 when they differ from release N, records N+1 in the
// manifest and keeps the newest Keep (0 = all). Everything in Directory is
// copied but its directory "data". The result's Values has "release", the
// number of the newest release.
type SaveRelease struct {
	Directory string
	Keep      int
}

// Run runs an argv. It is for users' tasks and for `exec`; everything of
// ours has an operation of its own.
type Run struct {
	Argv    []string
	Env     []string // NAME=VALUE; reaches the process without showing in argv
	Input   []byte
	Root    bool // as root, else as the login user
	Timeout time.Duration
}

func (WriteFile) operation()       {}
func (MakeDirectory) operation()   {}
func (Remove) operation()          {}
func (Move) operation()            {}
func (InstallPackages) operation() {}
func (SetUnit) operation()         {}
func (LoadModule) operation()      {}
func (SetSysctl) operation()       {}
func (ApplyFirewall) operation()   {}
func (ConfirmFirewall) operation() {}
func (DropFirewall) operation()    {}
func (PullImage) operation()       {}
func (ComposeUp) operation()       {}
func (ComposeDown) operation()     {}
func (ComposeAction) operation()   {}
func (ComposeReload) operation()   {}
func (FlushConntrack) operation()  {}
func (Own) operation()             {}
func (SaveRelease) operation()     {}
func (Run) operation()             {}

// Step names the file.
func (o WriteFile) Step() string { return "write " + o.Path }

// Step names the directory.
func (o MakeDirectory) Step() string { return "make directory " + o.Path }

// Step names the path.
func (o Remove) Step() string { return "remove " + o.Path }

// Step names both paths.
func (o Move) Step() string { return "move " + o.From + " to " + o.To }

// Step names the packages.
func (o InstallPackages) Step() string { return "install " + strings.Join(o.Names, " ") }

// Step names the unit and what is done to it.
func (o SetUnit) Step() string {
	switch {
	case o.Action != "":
		return o.Action + " " + o.Name
	case o.Enabled:
		return "enable " + o.Name
	default:
		return "disable " + o.Name
	}
}

// Step names the module.
func (o LoadModule) Step() string { return "load kernel module " + o.Name }

// Step says how many parameters are set.
func (o SetSysctl) Step() string { return fmt.Sprintf("set %d kernel parameters", len(o.Values)) }

// Step names the table.
func (o ApplyFirewall) Step() string { return "load firewall table " + o.Table }

// Step names the table.
func (o ConfirmFirewall) Step() string { return "confirm firewall table " + o.Table }

// Step names the table.
func (o DropFirewall) Step() string { return "remove firewall table " + o.Table }

// Step names the image.
func (o PullImage) Step() string { return "pull " + o.Reference }

// Step names the services.
func (o ComposeUp) Step() string { return "start " + strings.Join(o.Services, " ") }

// Step names the services.
func (o ComposeDown) Step() string {
	if len(o.Services) == 0 {
		return "remove the containers of project " + o.Project
	}
	return "remove the containers of " + strings.Join(o.Services, " ")
}

// Step names the action and the services.
func (o ComposeAction) Step() string { return o.Action + " " + strings.Join(o.Services, " ") }

// Step names the service.
func (o ComposeReload) Step() string { return "reload " + o.Service }

// Step names the ports.
func (o FlushConntrack) Step() string {
	return fmt.Sprintf("forget connections to %s ports %v", o.Proto, o.Ports)
}

// Step says what the manifest is for.
func (o Own) Step() string { return "write the manifest" }

// Step names what is saved.
func (o SaveRelease) Step() string { return "save the release" }

// Step names the program, without its arguments.
func (o Run) Step() string {
	if len(o.Argv) == 0 {
		return "run nothing"
	}
	return "run " + o.Argv[0]
}

// Long is false.
func (WriteFile) Long() bool { return false }

// Long is false.
func (MakeDirectory) Long() bool { return false }

// Long is false.
func (Remove) Long() bool { return false }

// Long is false: both paths are on one file system.
func (Move) Long() bool { return false }

// Long is true.
func (InstallPackages) Long() bool { return true }

// Long is true when the unit is started or restarted: dockerd takes its time.
func (o SetUnit) Long() bool { return o.Action != "" }

// Long is false.
func (LoadModule) Long() bool { return false }

// Long is false.
func (SetSysctl) Long() bool { return false }

// Long is false.
func (ApplyFirewall) Long() bool { return false }

// Long is false.
func (ConfirmFirewall) Long() bool { return false }

// Long is false.
func (DropFirewall) Long() bool { return false }

// Long is true.
func (PullImage) Long() bool { return true }

// Long is true.
func (ComposeUp) Long() bool { return true }

// Long is true.
func (ComposeDown) Long() bool { return true }

// Long is true.
func (ComposeAction) Long() bool { return true }

// Long is true.
func (ComposeReload) Long() bool { return true }

// Long is false.
func (FlushConntrack) Long() bool { return false }

// Long is false.
func (Own) Long() bool { return false }

// Long is false.
func (SaveRelease) Long() bool { return false }

// Long is true.
func (Run) Long() bool { return true }
