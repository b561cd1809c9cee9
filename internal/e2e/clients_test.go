package e2e

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/torrust/tracker-deployer/internal/lab"
)

// Real BitTorrent clients, which are not ours, find each other through the
// tracker and by nothing else: the leecher ends up with the seeder's file.
// Over UDP and over HTTP, IPv4 and IPv6.
func TestRealClientsMeetThroughTheTracker(t *testing.T) {
	w := enter(t, deployed)
	script, err := filepath.Abs("testdata/meet.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ announce, client string }{
		{"udp://" + machine4 + ":6969/announce", lab.Gateway4},
		{"http://" + machine4 + ":7070/announce", lab.Gateway4},
		{"udp://[" + machine6 + "]:6969/announce", "[" + lab.Gateway6 + "]"},
		{"http://[" + machine6 + "]:7070/announce", "[" + lab.Gateway6 + "]"},
	} {
		t.Run(c.announce, func(t *testing.T) {
			content := make([]byte, 100_000)
			_, _ = rand.Read(content) // never fails
			seeder, leecher := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(seeder, "file"), content, 0o600); err != nil {
				t.Fatal(err)
			}
			// Debian's own Python is the one that has Debian's libtorrent.
			argv := w.network.Command("/usr/bin/python3", script, c.client, c.announce, seeder, leecher, "file")
			if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got, err := os.ReadFile(filepath.Join(leecher, "file"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, content) {
				t.Error("the file is not the seeder's")
			}
		})
	}
}
