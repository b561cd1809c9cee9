package simulated

import (
	"context"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// TestDrift changes a machine by hand in every way, and asks the machine what
// it is then.
func TestDrift(t *testing.T) {
	m, err := Open(t.TempDir(), "web", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := context.Background()
	if _, err := m.Apply(ctx, []hosts.Operation{
		hosts.WriteFile{Path: "/etc/motd", Content: []byte("hello\n")},
		hosts.WriteFile{Path: "/etc/issue", Content: []byte("hello\n")},
		hosts.InstallPackages{Names: []string{"nftables"}},
	}, nil); err != nil {
		t.Fatal(err)
	}
	look := func(path string) *hosts.FileFact {
		facts, err := m.Observe(ctx, []hosts.Query{hosts.FileQuery{Path: path, Digest: "another"}})
		if err != nil {
			t.Fatal(err)
		}
		f, _ := hosts.Find[*hosts.FileFact](facts, hosts.FileQuery{Path: path, Digest: "another"})
		return f
	}
	for _, words := range []string{"/etc/motd", "/etc/new text", "mode /etc/motd 0600", "remove /etc/issue", "uninstall nftables"} {
		if err := m.Drift(strings.Fields(words)); err != nil {
			t.Errorf("%s: %v", words, err)
		}
	}
	if f := look("/etc/motd"); string(f.Content) != "hello\n# changed by hand\n" || f.Mode != "0600" {
		t.Errorf("/etc/motd: %q %s", f.Content, f.Mode)
	}
	if f := look("/etc/new"); string(f.Content) != "text\n" {
		t.Errorf("/etc/new: %q", f.Content)
	}
	if f := look("/etc/issue"); f.Type != "" {
		t.Errorf("/etc/issue is still a %s", f.Type)
	}
	for _, words := range []string{"/etc/issue", "remove /etc/issue", "mode /etc/motd 0600", "stop tracker", "uninstall nftables", "firewall"} {
		if err := m.Drift(strings.Fields(words)); err == nil {
			t.Errorf("%s: changes nothing, and is no error", words)
		}
	}
	if err := m.Drift([]string{"paint", "it"}); err == nil || !strings.Contains(err.Error(), "stop SERVICE") {
		t.Errorf("an unknown word: %v", err)
	}
}
