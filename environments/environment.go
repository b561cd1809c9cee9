// Package environments says what a deployment is: plain, frozen values that a
// Starlark file computes and tasks act on. It is the narrow waist of the
// program: left of it everything is evaluation, right of it nothing has heard
// of Starlark.
//
// An [Environment] lists what was declared, in the order of declaration. What
// is known only later (an address), what is secret and what is a task's
// argument stays a [Value], a small tree that is rendered where it is needed.
// Everything here encodes to JSON and back without loss, which is how an
// evaluated environment is kept and compared.
//
// The *.star files beside this code are the examples that ship with the
// program.
package environments

import "slices"

// An Environment is everything that one environment file declares.
type Environment struct {
	Name      string     `json:"name"` // base name of the file without .star
	ID        string     `json:"id"`   // owner of the machines; never empty after load
	Doc       string     `json:"doc,omitempty"`
	File      string     `json:"file"` // relative to the project root
	Hosts     []Host     `json:"hosts,omitempty"`
	Services  []Service  `json:"services,omitempty"`
	Files     []File     `json:"files,omitempty"`
	Firewalls []Firewall `json:"firewalls,omitempty"`
	Probes    []Probe    `json:"probes,omitempty"`
	Tasks     []Task     `json:"tasks,omitempty"`
	Groups    []Group    `json:"groups,omitempty"`
	TLS       []TLS      `json:"tls,omitempty"` // each with a service of its name among Services
	Backups   []Backup   `json:"backups,omitempty"`
	Renames   []Rename   `json:"renames,omitempty"`
	Secrets   []Secret   `json:"secrets,omitempty"`
	Demands   []Demand   `json:"demands,omitempty"`
	Rotations []Rotation `json:"rotations,omitempty"`
	Params    []Param    `json:"params,omitempty"`
	Warnings  []Problem  `json:"warnings,omitempty"`
	Reads     []Read     `json:"reads,omitempty"`
}

// Empty reports whether e declares nothing that could be acted on.
func (e *Environment) Empty() bool {
	return len(e.Hosts)+len(e.Services)+len(e.Files)+len(e.Firewalls)+len(e.Probes)+len(e.Tasks) == 0
}

// find returns the first of list that is looked for, false where there is none.
func find[T any](list []T, is func(T) bool) (found T, ok bool) {
	i := slices.IndexFunc(list, is)
	if i < 0 {
		return found, false
	}
	return list[i], true
}

// Host returns the host called name.
func (e *Environment) Host(name string) (Host, bool) {
	return find(e.Hosts, func(h Host) bool { return h.Name == name })
}

// Service returns the service called name.
func (e *Environment) Service(name string) (Service, bool) {
	return find(e.Services, func(s Service) bool { return s.Name == name })
}

// A Read is a file that evaluation read. An Environment may be re-used while
// every read still has its digest.
//
// The paths that glob() found are one Read with patterns and no path, whose
// digest is over the sorted paths, separated by NUL bytes.
type Read struct {
	Path    string   `json:"path,omitempty"`    // relative to the project root, or @torrust//…
	Include []string `json:"include,omitempty"` // of glob()
	Exclude []string `json:"exclude,omitempty"` // of glob()
	Digest  string   `json:"digest"`            // sha256, hexadecimal; "" = there was no such file
	Visited []string `json:"visited,omitempty"` // directories that glob() listed and paths that it tried, sorted
}

// Declared is what every resource has: its name and where it was declared.
type Declared struct {
	Name     string     `json:"name"`
	Position Position   `json:"position"`
	Calls    []Position `json:"calls,omitempty"` // callers, innermost first
}

// A Param is a value that the command line or the parameter file may set.
type Param struct {
	Declared
	Type    string   `json:"type"` // string, int, bool, list
	Default string   `json:"default"`
	Value   string   `json:"value"`
	Choices []string `json:"choices,omitempty"`
	Doc     string   `json:"doc,omitempty"`
}
