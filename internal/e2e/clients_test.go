package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" // BEP 3: pieces are SHA-1
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Real BitTorrent clients, which are not ours, find each other through the
// tracker and by nothing else, at the addresses that the program prints: the
// leecher ends up with the seeder's file. Over UDP and over HTTP, IPv4 and IPv6.
func TestRealClientsMeetThroughTheTracker(t *testing.T) {
	the.restore(t, deployed)
	for _, announce := range []string{
		"udp://" + machine4 + ":6969/announce", "http://" + machine4 + ":7070/announce",
		"udp://[" + machine6 + "]:6969/announce", "http://[" + machine6 + "]:7070/announce",
	} {
		t.Run(announce, func(t *testing.T) {
			content := make([]byte, 100_000)
			_, _ = rand.Read(content) // never fails
			seeder, leecher := t.TempDir(), t.TempDir()
			torrent := filepath.Join(t.TempDir(), "file.torrent")
			for path, data := range map[string][]byte{
				torrent: torrentOf("file", announce, content), filepath.Join(seeder, "file"): content,
			} {
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			serving := the.aria2(ctx, seeder, torrent, "--seed-ratio=0.0", "--check-integrity=true")
			if err := serving.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = serving.Process.Signal(os.Interrupt) // it seeds for ever
				_ = serving.Wait()
			}()
			fetching := the.aria2(ctx, leecher, torrent, "--seed-time=0")
			if out, err := fetching.CombinedOutput(); err != nil {
				t.Fatalf("aria2c: %v\n%s", err, out)
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

// aria2 returns a client in the client's network that knows other peers from
// nowhere but the tracker, and asks it every few seconds.
func (w *world) aria2(ctx context.Context, dir, torrent string, more ...string) *exec.Cmd {
	argv := w.network.Command(append([]string{
		"aria2c", "--no-conf", "--dir", dir, "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false",
		"--enable-peer-exchange=false", "--bt-tracker-interval=2", "--summary-interval=0", "--listen-port=20000-20100",
	}, append(more, torrent)...)...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	return cmd
}

// torrentOf returns the metainfo of one file (BEP 3).
func torrentOf(name, announce string, content []byte) []byte {
	const piece = 1 << 15
	var sums []byte
	for from := 0; from < len(content); from += piece {
		sum := sha1.Sum(content[from:min(from+piece, len(content))])
		sums = append(sums, sum[:]...)
	}
	return fmt.Appendf(nil, "d8:announce%d:%s4:infod6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%see",
		len(announce), announce, len(content), len(name), name, piece, len(sums), sums)
}
