package deploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// releases are the distributions that containers run on. Docker older than 27
// does IPv6 NAT only when it is told to.
var releases = map[string]struct {
	packages  []string
	ip6tables bool
}{
	"debian 13":    {[]string{"docker.io", "docker-cli", "docker-compose"}, true},
	"ubuntu 24.04": {[]string{"docker.io", "docker-compose-v2"}, false},
}

// machineCheck refuses a machine that the rest cannot work on, before anything is
// touched.
type machineCheck struct{ containers bool }

// Queries asks what machine it is.
func (machineCheck) Queries(*tasks.Scope) ([]hosts.Query, error) {
	return []hosts.Query{hosts.SystemQuery{}}, nil
}

// Diff is an error for a machine that is not supported, and never a change.
func (r machineCheck) Diff(_ *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	f, ok := hosts.Find[*hosts.SystemFact](facts, hosts.SystemQuery{})
	if !ok {
		return tasks.Change{}, nil
	}
	if !f.Root {
		return tasks.Change{}, fmt.Errorf("user %s: %w", f.User, hosts.ErrSudo)
	}
	if !r.containers {
		return tasks.Change{}, nil
	}
	release := f.OS + " " + f.Version
	if _, ok := releases[release]; !ok {
		return tasks.Change{}, &unsupportedError{release}
	}
	return tasks.Change{}, nil
}

// An unsupportedError is a distribution that containers cannot run on.
type unsupportedError struct{ release string }

func (e *unsupportedError) Error() string {
	why := ""
	if e.release == "debian 12" {
		why = ", whose docker 20.10 and compose 1.29 are too old"
	}
	return fmt.Sprintf("%s%s: %v", e.release, why, hosts.ErrUnsupported)
}

func (e *unsupportedError) Unwrap() error { return hosts.ErrUnsupported }

// Hint lists what is supported.
func (e *unsupportedError) Hint() string {
	return "machines that run containers need Debian 13 or Ubuntu 24.04"
}

// packages are the packages that a host needs.
type packages struct{ names []string }

// packagesOf returns what h needs; names of the container engine depend on
// the distribution and are added when it is known.
func (b *builder) packagesOf(h environments.Host) []string {
	var names []string
	if b.guarded(h.Name) {
		names = append(names, "nftables", "conntrack")
	}
	if len(b.servicesOf(h.Name)) > 0 {
		names = append(names, engine, "unattended-upgrades", "ca-certificates")
	}
	for _, p := range h.Packages {
		if !slices.Contains(names, p) {
			names = append(names, p)
		}
	}
	return names
}

// engine stands in packages.names for the container engine's packages.
const engine = "(container engine)"

func (r packages) wanted(facts hosts.Facts) []string {
	release := "debian 13"
	if f, ok := hosts.Find[*hosts.SystemFact](facts, hosts.SystemQuery{}); ok {
		release = f.OS + " " + f.Version
	}
	var names []string
	for _, n := range r.names {
		if n == engine {
			names = append(names, releases[release].packages...)
			continue
		}
		names = append(names, n)
	}
	return names
}

// all returns every name that any distribution may need, so that one query
// serves before the distribution is known.
func (r packages) all() []string {
	var names []string
	for _, n := range r.names {
		if n != engine {
			names = append(names, n)
			continue
		}
		for _, release := range releases {
			for _, p := range release.packages {
				if !slices.Contains(names, p) {
					names = append(names, p)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

// Queries asks which are installed.
func (r packages) Queries(*tasks.Scope) ([]hosts.Query, error) {
	return []hosts.Query{hosts.PackageQuery{Names: r.all()}}, nil
}

// Diff installs what is missing. Packages are never removed: something else
// may have come to need them.
func (r packages) Diff(_ *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	f, ok := hosts.Find[*hosts.PackageFact](facts, hosts.PackageQuery{Names: r.all()})
	if !ok {
		f = &hosts.PackageFact{}
	}
	var missing []string
	for _, n := range r.wanted(facts) {
		if f.Versions[n] == "" {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return tasks.Change{}, nil
	}
	return tasks.Change{
		Act:        tasks.ActCreate,
		Fields:     []tasks.FieldChange{{Name: "packages", New: strings.Join(missing, " ")}},
		Operations: []hosts.Operation{hosts.InstallPackages{Names: missing}},
	}, nil
}

// aptMirror makes apt use one source and no other: the image's own may not be
// reachable from the machine. Removing its files is the way back.
func aptMirror(line string) files {
	if !strings.HasPrefix(line, "deb ") {
		line = "deb " + line + " trixie main"
	}
	const list = "/etc/apt/torrust-tracker-deployer.list"
	return files{list: []content{
		literal(list, line+"\n"),
		literal("/etc/apt/apt.conf.d/95torrust-tracker-deployer",
			"Dir::Etc::sourcelist \""+list+"\";\nDir::Etc::sourceparts \"-\";\n"),
	}}
}

// upgrades lets the distribution's security updates in at night, and leaves
// the container engine alone: upgrading it restarts every container.
func upgrades() files {
	return files{list: []content{
		literal("/etc/apt/apt.conf.d/52torrust-tracker-deployer", `APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Package-Blacklist { "^docker"; "^containerd"; "^runc"; };
Unattended-Upgrade::Automatic-Reboot "false";
`),
	}}
}

// stack makes the directories that everything else is put in.
func stack() directories {
	return directories{
		{Path: hosts.StackDirectory, Mode: "0755", Owner: "root", Group: "root"},
		{Path: hosts.StackDirectory + "/config", Mode: "0755", Owner: "root", Group: "root"},
		{Path: hosts.StackDirectory + "/data", Mode: "0755", Owner: "root", Group: "root"},
	}
}

// directories are made with these modes and owners and kept so; with Once,
// mode and owner are set when they are made, and are their user's afterwards.
type directories []hosts.MakeDirectory

// Queries asks for each.
func (r directories) Queries(*tasks.Scope) ([]hosts.Query, error) {
	var queries []hosts.Query
	for _, d := range r {
		queries = append(queries, hosts.FileQuery{Path: d.Path})
	}
	return queries, nil
}

// Diff makes those that are missing or have another mode or owner.
func (r directories) Diff(_ *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	var c tasks.Change
	for _, d := range r {
		f, ok := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: d.Path})
		switch {
		case !ok || f.Type == "":
			c.Act = tasks.ActCreate
			c.Fields = append(c.Fields, tasks.FieldChange{Name: d.Path, New: d.Mode + " " + d.Owner})
		case f.Type != "directory":
			return c, fmt.Errorf("%s is there and is not a directory", d.Path)
		case !d.Once && (f.Mode != d.Mode || !f.Belongs(d.Owner, d.Group)):
			if c.Act == "" {
				c.Act = tasks.ActUpdate
			}
			c.Fields = append(c.Fields, tasks.FieldChange{
				Name: d.Path, Old: f.Mode + " " + f.Owner, New: d.Mode + " " + d.Owner,
			})
		default:
			continue
		}
		c.Operations = append(c.Operations, d)
	}
	return c, nil
}
