package simulated

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A drift is a way in which somebody changes a machine by hand.
type drift struct {
	name      string   // "" for a path, which needs no word before it
	arguments []string // for messages; one in […] may be left out
	do        func(m *Machine, s *state, arguments []string) error
}

func drifts() []drift {
	return []drift{
		{"", []string{"PATH", "[TEXT]"}, (*Machine).driftFile},
		{"remove", []string{"PATH"}, func(m *Machine, s *state, a []string) error { return was(m.remove(s, a[0])) }},
		{"mode", []string{"PATH", "MODE"}, (*Machine).driftMode},
		{"stop", []string{"SERVICE"}, driftService},
		{"uninstall", []string{"PACKAGE"}, driftPackage},
		{"firewall", nil, driftFirewall},
	}
}

// DriftUsage returns the forms of the words that Drift takes.
func DriftUsage() []string {
	var forms []string
	for _, d := range drifts() {
		forms = append(forms, strings.TrimSpace(d.name+" "+strings.Join(d.arguments, " ")))
	}
	return forms
}

// Drift changes the machine as somebody does who logs in to it: no operation
// is recorded, no lock is asked for. The words say what:
//
//	PATH TEXT           the file holds TEXT and a newline
//	PATH                the file has one more line
//	remove PATH         the file or directory is gone
//	mode PATH MODE      it has another mode, four octal digits
//	stop SERVICE        the containers of that name have exited
//	uninstall PACKAGE   the package is gone
//	firewall            the rules of every table are flushed
//
// What would change nothing is an error: whoever says so meant something else.
func (m *Machine) Drift(words []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, arguments, err := driftOf(words)
	if err != nil {
		return err
	}
	s, err := m.load()
	if err != nil {
		return err
	}
	if err := d.do(m, s, arguments); err != nil {
		return fmt.Errorf("%s: %s: %w", m.host, strings.Join(words, " "), err)
	}
	return m.save(s)
}

func driftOf(words []string) (drift, []string, error) {
	for _, d := range drifts() {
		arguments := words
		if d.name != "" && len(words) > 0 && words[0] == d.name {
			arguments = words[1:]
		} else if d.name != "" || len(words) == 0 || !strings.HasPrefix(words[0], "/") {
			continue
		}
		least := len(slices.DeleteFunc(slices.Clone(d.arguments), func(a string) bool { return strings.HasPrefix(a, "[") }))
		if len(arguments) >= least && len(arguments) <= len(d.arguments) {
			return d, arguments, nil
		}
	}
	return drift{}, nil, fmt.Errorf("%q is none of: %s", strings.Join(words, " "), strings.Join(DriftUsage(), ", "))
}

// errNothing is a drift that would change nothing.
var errNothing = errors.New("there is no such thing on the machine, or it is so already")

// was turns "nothing was changed" into an error.
func was(changed bool, err error) error {
	if err == nil && !changed {
		return errNothing
	}
	return err
}

func (m *Machine) driftFile(_ *state, a []string) error {
	at := m.at(a[0])
	before, err := os.ReadFile(at)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(a) == 2:
	case err != nil:
		return plain(err)
	}
	after := string(before) + "# changed by hand\n"
	if len(a) == 2 {
		after = a[1] + "\n"
	}
	if after == string(before) {
		return errNothing
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return plain(err)
	}
	return plain(replace(at, []byte(after)))
}

func (m *Machine) driftMode(s *state, a []string) error {
	info, err := os.Lstat(m.at(a[0]))
	if err != nil {
		return plain(err)
	}
	want := s.meta(a[0], info.IsDir())
	want.Mode = a[1]
	return was(s.setMeta(a[0], info.IsDir(), want), nil)
}

func driftService(_ *Machine, s *state, a []string) error {
	changed := false
	for i := range s.Containers {
		c := &s.Containers[i].Container
		if c.Service == a[0] && c.State == "running" {
			c.State, c.Health, changed = "exited", "", true
		}
	}
	return was(changed, nil)
}

func driftPackage(_ *Machine, s *state, a []string) error {
	_, there := s.Packages[a[0]]
	delete(s.Packages, a[0])
	return was(there, nil)
}

func driftFirewall(_ *Machine, s *state, _ []string) error {
	changed := false
	for name, t := range s.Firewall {
		if t.Rules != "" {
			t.Rules, changed = "", true
			s.Firewall[name] = t
		}
	}
	return was(changed, nil)
}
