package qemu

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// The test below needs runs that can be killed: this program started with the
// variable below, a directory, is one that makes the machine in there.
const makerVariable = "QEMU_TEST_MAKER"

// maker returns a provider below dir, its keys in files, and a host.
func maker(dir, cache string) (*Provider, *vault.Vault, environments.Host, error) {
	keys, err := vault.Open(vault.Options{
		AgeFile: filepath.Join(dir, "p.age"), KnownHosts: filepath.Join(dir, "p.known_hosts"), KeyFile: filepath.Join(dir, "age.key"),
	})
	p := New(Config{Environment: "env-1", DataHome: filepath.Join(dir, "data"), CacheHome: cache, Root: dir, Keys: keys})
	h := environments.Host{User: "torrust", SSHPort: 22, Provider: environments.Provider{QEMU: &environments.QEMU{
		Image: "image.raw", CPUs: 1, Memory: 32 << 20, Disk: 1 << 20, Data: 1 << 20,
	}}}
	h.Name = "web"
	return p, keys, h, err
}

// makeMachine is the run that gets killed.
func makeMachine(dir, cache string) error {
	p, _, h, err := maker(dir, cache)
	if err != nil {
		return err
	}
	_, err = p.Ensure(context.Background(), h, func(string) {})
	return err
}

// machines counts the processes that have uuid in their arguments.
func machines(t *testing.T, uuid string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && strings.Contains(strings.Join(arguments(pid), " "), uuid) {
			n++
		}
	}
	return n
}

func TestARunThatIsKilledIsFinishedByTheNext(t *testing.T) {
	cache, err := sharedCache()
	if err != nil {
		t.Fatal(err)
	}
	warm := newLab(t) // the acceleration is known: the runs below take the same time
	on, err := thisPlatform()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := warm.acceleration(t.Context(), on, warm.progress); err != nil {
		t.Fatal(err)
	}
	finished := 0
	for _, after := range []int{5, 25, 50, 80, 110, 140, 200, 300} {
		t.Run(strconv.Itoa(after)+"ms", func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "image.raw"), powerButton(), 0o600); err != nil {
				t.Fatal(err)
			}
			p, keys, h, err := maker(dir, cache)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := p.Remove(context.Background(), h, false); err != nil {
					t.Error(err)
				}
			})
			cmd := exec.Command(os.Args[0], cache)
			cmd.Env = append(os.Environ(), makerVariable+"="+dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(time.Duration(after)*time.Millisecond, func() { cmd.Process.Kill() })
			defer kill.Stop()
			if cmd.Wait() == nil {
				finished++
			}
			s, err := p.Ensure(t.Context(), h, func(string) {})
			if err != nil || s.State != tasks.StateRunning || s.Changes != nil {
				t.Fatalf("%+v, %v", s, err)
			}
			v, err := p.open(h)
			if err != nil {
				t.Fatal(err)
			}
			if n := machines(t, v.uuid()); n != 1 {
				t.Errorf("%d machines", n)
			}
			// What the seed holds is what is pinned, and who is let in is us.
			user := readISO(t, v.path(seedFile))["user-data"]
			pins, err := keys.Pins("web")
			if err != nil || len(pins) != 1 || !strings.Contains(user, authorized(pins[0])) {
				t.Errorf("%d pins (%v), or not of the key in the seed", len(pins), err)
			}
			var key ssh.Signer
			if key, err = keys.ClientKey("web", false); err != nil || !strings.Contains(user, authorized(key.PublicKey())) {
				t.Errorf("the seed lets in another key (%v)", err)
			}
		})
	}
	if finished == 8 {
		t.Error("every run was finished before it was killed: nothing was tested")
	}
}
