package qemu

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// fakeKeys holds keys in memory: what is kept where is the vault's matter.
type fakeKeys struct {
	mu   sync.Mutex
	keys map[string]ssh.Signer
	pins map[string][]ssh.PublicKey
}

func newKeys() *fakeKeys {
	return &fakeKeys{keys: map[string]ssh.Signer{}, pins: map[string][]ssh.PublicKey{}}
}

func (k *fakeKeys) ClientKey(host string, create bool) (ssh.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, ok := k.keys[host]; ok {
		return s, nil
	}
	if !create {
		return nil, errors.New("not generated yet")
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	k.keys[host], err = ssh.NewSignerFromKey(private)
	return k.keys[host], err
}

func (k *fakeKeys) Pins(host string) ([]ssh.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.pins[host]), nil
}

func (k *fakeKeys) Pin(host string, keys ...ssh.PublicKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pins[host] = keys
	return nil
}

// sharedCache is where all tests of a run remember the acceleration.
var sharedCache = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "qemu-test-cache") })

func TestMain(m *testing.M) {
	if dir := os.Getenv(makerVariable); dir != "" {
		if err := makeMachine(dir, os.Args[1]); err != nil {
			panic(err)
		}
		return
	}
	code := m.Run()
	if dir, err := sharedCache(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// lab is a provider in a directory of its own.
type lab struct {
	*Provider
	keys  *fakeKeys
	ports []ForwardPort
	lines []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	cache, err := sharedCache()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{keys: newKeys()}
	l.Provider = New(Config{
		Environment: "env-1", DataHome: t.TempDir(), CacheHome: cache, Root: t.TempDir(), Keys: l.keys,
		Ports: func(string) []ForwardPort { return l.ports },
	})
	return l
}

func (l *lab) progress(line string) { l.lines = append(l.lines, line) }

// powerButton is a guest that fits a boot sector: it says "up" on its console
// and switches itself off when its power button is pressed.
func powerButton() []byte {
	sector := make([]byte, 512)
	copy(sector, []byte{
		0xba, 0xf8, 0x03, //       mov dx, 0x3f8 (serial port)
		0xb0, 'u', 0xee, //        out dx, 'u'
		0xb0, 'p', 0xee, //        out dx, 'p'
		0xb0, '\n', 0xee, //       out dx, newline
		0xba, 0x02, 0x06, //       mov dx, 0x602 (PM1 enable)
		0xb8, 0x00, 0x01, 0xef, // out dx, power button
		0xfb, 0xf4, //             loop: sti; hlt
		0xba, 0x00, 0x06, 0xed, // in ax, 0x600 (PM1 status)
		0xf6, 0xc4, 0x01, //       test ah, power button
		0x74, 0xf5, //             jz loop
		0xba, 0x04, 0x06, //       mov dx, 0x604 (PM1 control)
		0xb8, 0x00, 0x20, 0xef, // out dx, sleep type "off"
		0xf4, //                   hlt
	})
	sector[510], sector[511] = 0x55, 0xaa
	return sector
}

func (l *lab) host(t *testing.T, name string) environments.Host {
	t.Helper()
	image := filepath.Join(l.config.Root, "image.raw")
	if _, err := os.Stat(image); err != nil {
		if err := os.WriteFile(image, powerButton(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := environments.Host{User: "torrust", SSHPort: 22, Provider: environments.Provider{QEMU: &environments.QEMU{
		Image: "image.raw", CPUs: 1, Memory: 32 << 20, Disk: 1 << 20, Data: 1 << 20,
	}}}
	h.Name = name
	// Whatever a test does, nothing of it runs on.
	t.Cleanup(func() {
		if err := l.Remove(context.Background(), h, false); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (l *lab) ensure(t *testing.T, h environments.Host) tasks.Status {
	t.Helper()
	s, err := l.Ensure(t.Context(), h, l.progress)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != tasks.StateRunning {
		t.Fatalf("after Ensure: %+v", s)
	}
	eventually(t, "the guest says up", func() bool {
		lines, err := l.Console(h.Name, 3)
		return err == nil && slices.Contains(lines, "up")
	})
	return s
}

func (l *lab) status(t *testing.T, h environments.Host, want tasks.State) tasks.Status {
	t.Helper()
	s, err := l.Status(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != want || (want == tasks.StateRunning) != (s.Reason == "") {
		t.Fatalf("state %s (%s), want %s", s.State, s.Reason, want)
	}
	return s
}

func (l *lab) pid(t *testing.T, h environments.Host) int {
	t.Helper()
	v, err := l.open(h)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := v.process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually polls until ok or ten seconds have passed.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

func TestALife(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	l.ports = []ForwardPort{{"udp", 36969}, {"tcp", 36969}, {"tcp", 37070}}
	if s := l.status(t, h, tasks.StateAbsent); s.Kept != nil {
		t.Errorf("before: %+v", s)
	}
	s := l.ensure(t, h)
	pid := l.pid(t, h)
	// Ctrl-C and a closed terminal reach our session, not the machine.
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		t.Errorf("session %d of process %d (%v)", session, pid, err)
	}
	if s.Outputs["ipv4"] != "127.0.0.1" || s.Outputs["port:36969"] == "" || s.Outputs["port:37070"] == "" || s.Address != "127.0.0.1:"+s.Outputs["port:22"] {
		t.Errorf("outputs %v, address %s", s.Outputs, s.Address)
	}
	for _, port := range []string{s.Outputs["port:36969"], s.Outputs["port:37070"]} {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Errorf("nothing listens on the forwarded port: %v", err)
			continue
		}
		c.Close()
	}
	if n, _ := strconv.Atoi(s.Outputs["port:36969"]); bindable("udp", n) {
		t.Error("the udp port is not taken")
	}
	t.Run("again is nothing to do", func(t *testing.T) {
		if again := l.ensure(t, h); l.pid(t, h) != pid || again.Changes != nil {
			t.Errorf("%+v, process %d was %d", again, l.pid(t, h), pid)
		}
	})
	t.Run("ports come and go without a restart", func(t *testing.T) {
		l.ports = []ForwardPort{{"udp", 36969}, {"tcp", 36969}, {"tcp", 31212}}
		s := l.status(t, h, tasks.StateRunning)
		want := []tasks.FieldChange{{Name: "forwarded port", New: "tcp 31212"}, {Name: "forwarded port", Old: "tcp 37070"}}
		if !slices.Equal(s.Changes, want) || s.Replace {
			t.Errorf("changes %v", s.Changes)
		}
		after := l.ensure(t, h)
		if l.pid(t, h) != pid || after.Changes != nil || after.Outputs["port:31212"] == "" || after.Outputs["port:36969"] != s.Outputs["port:36969"] {
			t.Errorf("after: %+v", after)
		}
		if n, _ := strconv.Atoi(s.Outputs["port:37070"]); !bindable("tcp", n) {
			t.Error("the port that is not needed is still taken")
		}
	})
	t.Run("off and on again with the same ports", func(t *testing.T) {
		before := l.status(t, h, tasks.StateRunning)
		if err := l.Stop(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if err := l.Stop(t.Context(), h); err != nil {
			t.Error(err)
		}
		if s := l.status(t, h, tasks.StateStopped); s.Address != "" || s.Outputs != nil || s.Changes != nil {
			t.Errorf("stopped: %+v", s)
		}
		after := l.ensure(t, h)
		if after.Address != before.Address || after.Outputs["port:31212"] != before.Outputs["port:31212"] {
			t.Errorf("outputs %v, before %v", after.Outputs, before.Outputs)
		}
	})
	t.Run("more memory and disk by a restart", func(t *testing.T) {
		h.Provider.QEMU.Memory, h.Provider.QEMU.Data = 48<<20, 2<<20
		s := l.status(t, h, tasks.StateRunning)
		want := []tasks.FieldChange{{Name: "memory", Old: "32MiB", New: "48MiB"}, {Name: "data", Old: "1MiB", New: "2MiB"}}
		if !slices.Equal(s.Changes, want) || s.Replace {
			t.Errorf("changes %v", s.Changes)
		}
		before := l.pid(t, h)
		if after := l.ensure(t, h); after.Changes != nil || l.pid(t, h) == before {
			t.Errorf("after: %+v", after)
		}
		if _, size, err := inspect(t.Context(), filepath.Join(l.Directory("web"), dataFile)); err != nil || size != 2<<20 {
			t.Errorf("data disk of %d bytes, %v", size, err)
		}
	})
	t.Run("a smaller data disk is refused and the machine left alone", func(t *testing.T) {
		smaller := h
		q := *h.Provider.QEMU
		q.Data = 1 << 20
		smaller.Provider.QEMU = &q
		pid := l.pid(t, h)
		_, err := l.Ensure(t.Context(), smaller, l.progress)
		if err == nil || !strings.Contains(err.Error(), `vm "web": data is 2MiB and cannot shrink to 1MiB`) || l.pid(t, h) != pid {
			t.Errorf("%v", err)
		}
	})
	t.Run("gone but for its data", func(t *testing.T) {
		if err := l.Remove(t.Context(), h, true); err != nil {
			t.Fatal(err)
		}
		if s := l.status(t, h, tasks.StateAbsent); !slices.Equal(s.Kept, []string{"data disk"}) || l.pid(t, h) != 0 {
			t.Errorf("%+v", s)
		}
		entries, _ := os.ReadDir(l.Directory("web"))
		if len(entries) != 2 {
			t.Errorf("left: %v", entries)
		}
		l.ensure(t, h)
	})
	t.Run("gone", func(t *testing.T) {
		for range 2 {
			if err := l.Remove(t.Context(), h, false); err != nil {
				t.Fatal(err)
			}
		}
		l.status(t, h, tasks.StateAbsent)
		if left, _ := filepath.Glob(filepath.Join(l.config.DataHome, "vms", "*")); len(left) != 0 || l.pid(t, h) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestSystemDiskDeletedByHand(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	l.ensure(t, h)
	if err := l.Stop(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(l.Directory("web"), dataFile)
	before, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	old, _ := readState(l.Directory("web"))
	if err := os.Remove(filepath.Join(l.Directory("web"), diskFile)); err != nil {
		t.Fatal(err)
	}
	s := l.status(t, h, tasks.StateAbsent)
	if s.Reason != "its system disk is gone" || !slices.Equal(s.Kept, []string{"data disk"}) {
		t.Errorf("%+v", s)
	}
	l.ensure(t, h)
	after, err := os.Stat(data)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the data disk is another one (%v)", err)
	}
	now, _ := readState(l.Directory("web"))
	if now.Instance == old.Instance || now.HostKey == old.HostKey {
		t.Error("the new machine has the instance id or the host key of the old one")
	}
	if pins, _ := l.keys.Pins("web"); len(pins) != 1 || authorized(pins[0]) != now.HostKey {
		t.Error("the new host key is not the one that is pinned")
	}
}

func TestAProcessIsFoundWithoutItsFiles(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	l.ensure(t, h)
	pid := l.pid(t, h)
	if err := os.WriteFile(filepath.Join(l.Directory("web"), pidFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		t.Fatal(err)
	}
	if l.pid(t, h) != pid {
		t.Error("a wrong pid file was believed")
	}
	if err := os.RemoveAll(l.Directory("web")); err != nil {
		t.Fatal(err)
	}
	if l.pid(t, h) != pid {
		t.Error("the process is lost")
	}
	l.status(t, h, tasks.StateAbsent)
	l.ensure(t, h)
	if l.pid(t, h) == pid {
		t.Error("the old process runs on")
	}
	if err := os.RemoveAll(l.Directory("web")); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(t.Context(), h, false); err != nil || l.pid(t, h) != 0 {
		t.Errorf("Remove: %v, process %d", err, l.pid(t, h))
	}
}

func TestTwoMachinesShareNoPorts(t *testing.T) {
	l := newLab(t)
	l.ports = []ForwardPort{{"tcp", 36969}, {"udp", 36969}}
	var all sync.WaitGroup
	outputs := make([]map[string]string, 2)
	hosts := []environments.Host{l.host(t, "a"), l.host(t, "b")}
	for i, h := range hosts {
		all.Go(func() {
			s, err := l.Ensure(t.Context(), h, func(string) {})
			if err != nil {
				t.Error(err)
			}
			outputs[i] = s.Outputs
		})
	}
	all.Wait()
	for _, name := range []string{"port:22", "port:36969"} {
		if outputs[0][name] == outputs[1][name] {
			t.Errorf("%s is %s for both", name, outputs[0][name])
		}
	}
	// Also a machine that is off keeps its own.
	if err := l.Stop(t.Context(), hosts[0]); err != nil {
		t.Fatal(err)
	}
	s, err := l.Ensure(t.Context(), l.host(t, "c"), func(string) {})
	if err != nil || s.Outputs["port:36969"] == outputs[0]["port:36969"] {
		t.Errorf("%v, %v", s.Outputs, err)
	}
}

func TestAPortThatSomebodyTookMoves(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	l.ports = []ForwardPort{{"tcp", 36969}}
	before := l.ensure(t, h)
	if err := l.Stop(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp4", "127.0.0.1:"+before.Outputs["port:36969"])
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	after := l.ensure(t, h)
	if after.Outputs["port:36969"] == before.Outputs["port:36969"] || after.Outputs["port:22"] != before.Outputs["port:22"] {
		t.Errorf("%v, before %v", after.Outputs, before.Outputs)
	}
	if !slices.ContainsFunc(l.lines, func(s string) bool { return strings.Contains(s, "is taken: tcp 36969 of the machine is now") }) {
		t.Errorf("progress %q", l.lines)
	}
}

func TestTheThrowAwayHostKeyGoes(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	l.ensure(t, h)
	seedPath := filepath.Join(l.Directory("web"), seedFile)
	if !strings.Contains(readISO(t, seedPath)["user-data"], "OPENSSH PRIVATE KEY") {
		t.Fatal("the first seed has no host key")
	}
	if info, _ := os.Stat(seedPath); info.Mode().Perm() != 0o600 {
		t.Errorf("the seed has mode %v", info.Mode())
	}
	restart := func() {
		if err := l.Stop(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		l.ensure(t, h)
	}
	first, _ := readState(l.Directory("web"))
	restart()
	if s, _ := readState(l.Directory("web")); s.HostKey != first.HostKey {
		t.Error("the host key was changed before the machine had another one")
	}
	own, err := l.keys.ClientKey("any other key", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.keys.Pin("web", own.PublicKey()); err != nil {
		t.Fatal(err)
	}
	restart()
	files := readISO(t, seedPath)
	if strings.Contains(files["user-data"], "PRIVATE KEY") {
		t.Error("the seed still has the throw-away key")
	}
	if !strings.Contains(files["meta-data"], first.Instance) {
		t.Error("cloud-init would take it for a new machine")
	}
	if pins, _ := l.keys.Pins("web"); len(pins) != 1 || authorized(pins[0]) != authorized(own.PublicKey()) {
		t.Error("the machine's own key is not pinned any more")
	}
}

func TestImagesThatAreGoneOrChanged(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	l.ensure(t, h)
	image := filepath.Join(l.config.Root, "image.raw")
	if err := l.Stop(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(image, append(powerButton(), make([]byte, 512)...), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(want string) {
		t.Helper()
		if s := l.status(t, h, tasks.StateStopped); !strings.Contains(s.Reason, want) {
			t.Errorf("reason %q", s.Reason)
		}
		_, err := l.Ensure(t.Context(), h, l.progress)
		var hint interface{ Hint() string }
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "--keep-data") {
			t.Errorf("error %v", err)
		}
	}
	check("was changed: " + image)
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	check("is gone: " + image)
	if err := l.Remove(t.Context(), h, false); err != nil {
		t.Error(err)
	}
}

func TestOneThatDiesWhileStartingSaysWhy(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	l.ensure(t, h)
	if err := l.Stop(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	// No computer has that much; QEMU refuses it.
	h.Provider.QEMU.Memory = 1 << 60
	_, err := l.Ensure(t.Context(), h, l.progress)
	if err == nil || !strings.Contains(err.Error(), `vm "web": qemu ended at once`) || !strings.Contains(err.Error(), "it said:") {
		t.Errorf("error %v", err)
	}
	l.status(t, h, tasks.StateStopped)
}

func TestTheMachineOfAnotherKeyIsNotEntered(t *testing.T) {
	l := newLab(t)
	h := l.host(t, "web")
	l.ensure(t, h)
	delete(l.keys.keys, "web")
	if _, err := l.keys.ClientKey("web", true); err != nil {
		t.Fatal(err)
	}
	if s := l.status(t, h, tasks.StateRunning); !s.Replace || len(s.Changes) != 1 || s.Changes[0].Name != "ssh key" {
		t.Errorf("%+v", s)
	}
	if err := l.Stop(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Ensure(t.Context(), h, l.progress); err == nil || !strings.Contains(err.Error(), "another ssh key") {
		t.Errorf("error %v", err)
	}
}
