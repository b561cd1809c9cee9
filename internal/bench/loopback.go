package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// loopback measures 30 files of 1 KB behind a sshd on loopback, already
// deployed: a run with nothing to change, and one that changes a file.
func (b *bench) loopback(ctx context.Context) error {
	dir, err := b.project("loop", loopFile(0))
	if err != nil {
		return err
	}
	observe, err := b.recordObserve(ctx, dir)
	if err != nil {
		return err
	}
	end, err := b.serve(ctx, false)
	if err != nil {
		return err
	}
	defer end()
	noop := b.run(dir, "deploy", "loop")
	if err := b.besideSSH(ctx, noop, observe); err != nil {
		return err
	}
	return b.besidePeers(ctx, noop)
}

// loopFile is the environment with 30 files; version changes one of them.
func loopFile(version int) string {
	return fmt.Sprintf(`environment(id = "loop-k3v9q2")
web = vm(name = "web", provider = existing(address = "127.0.0.1", user = "root", port = %s))
[config_file(name = "file-%%d" %% i, host = web, path = "/srv/app/file-%%d" %% i,
    content = ("%%d" %% (1000 + %d if i == 0 else 1000)) * 256) for i in range(30)]
`, port, version)
}

// recordObserve deploys, records what a second run sends to the machine, and
// returns one ssh that runs exactly that.
func (b *bench) recordObserve(ctx context.Context, dir string) (command, error) {
	for _, record := range []bool{false, true} {
		end, err := b.serve(ctx, record)
		if err != nil {
			return command{}, err
		}
		_, err = b.run(dir, "deploy", "loop").once(ctx)
		end()
		if err != nil {
			return command{}, err
		}
	}
	sessions, err := os.ReadFile(filepath.Join(b.work, "sessions"))
	if err != nil {
		return command{}, err
	}
	if len(sessions) != 1 {
		return command{}, fmt.Errorf("a deployment with nothing to change opened %d sessions on the machine, not one", len(sessions))
	}
	remote, err := os.ReadFile(filepath.Join(b.work, "command"))
	if err != nil {
		return command{}, err
	}
	stdin, err := os.ReadFile(filepath.Join(b.work, "stdin"))
	return b.ssh(string(remote), stdin), err
}

// besideSSH measures beside the ssh that observes.
func (b *bench) besideSSH(ctx context.Context, noop, observe command) error {
	t, err := medians(ctx, rounds, observe, noop)
	if err != nil {
		return err
	}
	r := ratio(t[1].wall, t[0].wall)
	b.figure("no-op deploy beside ssh HOST with its script", "<= 1.3x", r <= 1.3,
		"%s, %.2fx (ssh %s)", milliseconds(t[1].wall), r, milliseconds(t[0].wall))
	b.figure("no-op deploy, own process time", "< 1 s", t[1].cpu < time.Second, "%s", milliseconds(t[1].cpu))

	change := noop
	change.ready = func(round int) error {
		_, err := b.project("loop", loopFile(round+1))
		return err
	}
	if t, err = medians(ctx, rounds, observe, change); err != nil {
		return err
	}
	r = ratio(t[1].wall, t[0].wall)
	b.figure("one changed file beside the same ssh", "<= 3x", r <= 3,
		"%s, %.2fx (ssh %s)", milliseconds(t[1].wall), r, milliseconds(t[0].wall))
	return nil
}

// besidePeers measures Ansible and pyinfra on the same files.
func (b *bench) besidePeers(ctx context.Context, noop command) error {
	ansible, pyinfra, err := b.peerCommands()
	if err != nil {
		return err
	}
	for _, c := range []command{ansible, pyinfra} { // the first run creates
		if _, err := c.once(ctx); err != nil {
			return err
		}
	}
	t, err := medians(ctx, slowRounds, noop, pyinfra, ansible)
	if err != nil {
		return err
	}
	for i, peer := range []struct {
		name string
		goal float64
	}{{"pyinfra", 25}, {"Ansible", 80}} {
		r := ratio(t[i+1].wall, t[0].wall)
		b.figure("no-op deploy beside "+peer.name+", same 30 files", fmt.Sprintf(">= %.0fx faster", peer.goal), r >= peer.goal,
			"%.0fx faster (%s to %s)", r, milliseconds(t[0].wall), milliseconds(t[i+1].wall))
	}
	return nil
}
