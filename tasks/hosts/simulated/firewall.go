package simulated

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A table is an nftables table: its rules, and what a change that is not
// confirmed goes back to.
type table struct {
	Rules    string    `json:"rules"`
	Path     string    `json:"path,omitempty"`
	Pending  time.Time `json:"pending,omitzero"` // when it reverts; zero = confirmed
	Before   string    `json:"before,omitempty"` // rules before the change, "" = no table
	Reverted bool      `json:"reverted,omitempty"`
}

// normal returns rules without comments and with single spaces, the form in
// which they are compared.
func normal(rules string) string {
	var words []string
	for line := range strings.Lines(rules) {
		line, _, _ = strings.Cut(line, "#")
		words = append(words, strings.Fields(line)...)
	}
	return strings.Join(words, " ")
}

func (s *state) firewall(q hosts.FirewallQuery) *hosts.FirewallFact {
	t, ok := s.Firewall[q.Table]
	if !ok || t.Rules == "" {
		return &hosts.FirewallFact{}
	}
	fact := &hosts.FirewallFact{Loaded: true, Pending: !t.Pending.IsZero()}
	fact.Same = normal(t.Rules) == normal(q.Rules)
	if !fact.Same {
		fact.Live = t.Rules
	}
	return fact
}

func (m *Machine) applyFirewall(s *state, o hosts.ApplyFirewall) (bool, error) {
	t := s.Firewall[o.Table]
	kept, err := os.ReadFile(m.at(o.Path))
	same := err == nil && string(kept) == o.Rules && normal(t.Rules) == normal(o.Rules)
	if same && t.Pending.IsZero() {
		t.Reverted = false
		s.Firewall[o.Table] = t
		return false, nil
	}
	if t.Pending.IsZero() {
		t.Before = t.Rules
	}
	t.Rules, t.Path, t.Reverted = o.Rules, o.Path, false
	t.Pending = time.Now().Add(o.Revert).UTC()
	s.Firewall[o.Table] = t
	if err := os.MkdirAll(filepath.Dir(m.at(o.Path)), 0o755); err != nil {
		return false, plain(err)
	}
	s.Files[path.Clean("/"+o.Path)] = meta{"0644", "root", "root"}
	s.Units[hosts.FirewallUnit] = unit{Enabled: true, Active: true}
	return true, plain(replace(m.at(o.Path), []byte(o.Rules)))
}

func (s *state) confirmFirewall(name string) (bool, error) {
	t := s.Firewall[name]
	if t.Reverted {
		return false, errors.New("the change was not confirmed in time and the rules before it are back")
	}
	if t.Pending.IsZero() {
		return false, nil
	}
	t.Pending, t.Before = time.Time{}, ""
	s.Firewall[name] = t
	return true, nil
}

func (m *Machine) dropFirewall(s *state, name string) (bool, error) {
	t, there := s.Firewall[name]
	if !there {
		return false, nil
	}
	if t.Path != "" {
		if _, err := m.remove(s, t.Path); err != nil {
			return false, err
		}
	}
	delete(s.Units, hosts.FirewallUnit)
	delete(s.Firewall, name)
	return true, nil
}

// revertOverdue does what a real machine's timer would have done by now: the
// machine's own doing, whoever looks at it next.
func (m *Machine) revertOverdue(s *state, now time.Time) error {
	for name, t := range s.Firewall {
		if t.Pending.IsZero() || now.Before(t.Pending) {
			continue
		}
		var err error
		if t.Before == "" {
			err = os.RemoveAll(m.at(t.Path))
		} else {
			err = replace(m.at(t.Path), []byte(t.Before))
		}
		if err != nil {
			return plain(err)
		}
		t.Rules, t.Before, t.Pending, t.Reverted = t.Before, "", time.Time{}, true
		s.Firewall[name] = t
		if err := m.save(s); err != nil {
			return err
		}
	}
	return nil
}
