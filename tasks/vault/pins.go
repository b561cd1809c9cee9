package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// Pins returns the keys that a host is known by, nil when there are none.
func (v *Vault) Pins(host string) ([]ssh.PublicKey, error) {
	lines, err := v.knownHosts()
	if err != nil {
		return nil, err
	}
	var keys []ssh.PublicKey
	for _, l := range lines {
		if slices.Contains(l.hosts, host) {
			keys = append(keys, l.key)
		}
	}
	return keys, nil
}

// Pin makes keys the only ones that a host is known by. They are durable when
// it returns. Comments and the lines of other hosts stay as they are.
func (v *Vault) Pin(host string, keys ...ssh.PublicKey) error {
	if host == "" || strings.ContainsAny(host, " \t\r\n,#*?!|@") {
		return fmt.Errorf("host name %q does not fit a known_hosts file", host)
	}
	if err := os.MkdirAll(filepath.Dir(v.options.KnownHosts), 0o755); err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	return v.changePins(host, keys)
}

// Unpin forgets the keys of a host; unknown hosts are fine. A file with
// nothing left in it is removed.
func (v *Vault) Unpin(host string) error {
	if _, err := os.Stat(v.options.KnownHosts); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return v.changePins(host, nil)
}

func (v *Vault) changePins(host string, keys []ssh.PublicKey) error {
	unlock, err := lockDir(context.Background(), filepath.Dir(v.options.KnownHosts))
	if err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	defer unlock()
	lines, err := v.knownHosts()
	if err != nil {
		return err
	}
	var before, after bytes.Buffer
	for _, l := range lines {
		before.WriteString(l.text + "\n")
		if kept, ok := l.without(host); ok {
			after.WriteString(kept + "\n")
		}
	}
	for _, k := range keys {
		fmt.Fprintf(&after, "%s %s", host, ssh.MarshalAuthorizedKey(k))
	}
	switch {
	case after.Len() == 0:
		err = durable.Remove(v.options.KnownHosts)
	case !bytes.Equal(before.Bytes(), after.Bytes()):
		err = durable.WriteFile(v.options.KnownHosts, after.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	return nil
}

// knownHostsLine is one line of the file. Lines that pin nothing (comments,
// revocations, authorities) have no hosts.
type knownHostsLine struct {
	text  string
	hosts []string
	key   ssh.PublicKey
}

// without returns the line when host no longer counts, false when nothing is
// left of it.
func (l knownHostsLine) without(host string) (string, bool) {
	if !slices.Contains(l.hosts, host) {
		return l.text, true
	}
	others := slices.DeleteFunc(slices.Clone(l.hosts), func(h string) bool { return h == host })
	if len(others) == 0 {
		return "", false
	}
	text := strings.TrimLeft(l.text, " \t")
	return strings.Join(others, ",") + text[strings.IndexAny(text, " \t"):], true
}

// knownHosts reads the file; none is no lines.
func (v *Vault) knownHosts() ([]knownHostsLine, error) {
	content, err := os.ReadFile(v.options.KnownHosts)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pins: %w", err)
	}
	var lines []knownHostsLine
	for text := range strings.Lines(string(content)) {
		text = strings.TrimRight(text, "\r\n")
		l := knownHostsLine{text: text}
		if trimmed := strings.TrimSpace(text); trimmed != "" && trimmed[0] != '#' {
			marker, hosts, key, _, _, err := ssh.ParseKnownHosts([]byte(text))
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", v.options.KnownHosts, len(lines)+1, err)
			}
			if marker == "" {
				l.hosts, l.key = hosts, key
			}
		}
		lines = append(lines, l)
	}
	return lines, nil
}
