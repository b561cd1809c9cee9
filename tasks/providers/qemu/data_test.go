package qemu

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

func TestArgv(t *testing.T) {
	base := launch{
		platform: platform{program: "qemu-system-x86_64", machine: "pc"}, acceleration: "tcg",
		name: "torrust-env-1-web", uuid: "00010203-0405-8607-8809-0a0b0c0d0e0f", mac: "52:54:00:00:01:02",
		cpus: 2, memory: 2 << 30, dir: "/d,x", socket: "qmp.sock",
		forwards: []forward{{"tcp", 22, 2222}, {"udp", 6969, 40001}},
	}
	want := strings.Fields(`qemu-system-x86_64
		-name guest=torrust-env-1-web -uuid 00010203-0405-8607-8809-0a0b0c0d0e0f
		-machine pc -accel tcg,thread=multi -cpu max -smp 2 -m 2048M
		-nodefaults -no-user-config -display none -vga std -rtc base=utc -device virtio-rng-pci
		-drive if=none,id=disk,format=qcow2,discard=unmap,file=/d,,x/disk.qcow2
		-device virtio-blk-pci,drive=disk,bootindex=0,serial=ttd-system
		-drive if=none,id=data,format=qcow2,discard=unmap,file=/d,,x/data.qcow2
		-device virtio-blk-pci,drive=data,serial=ttd-data
		-drive if=none,id=seed,format=raw,readonly=on,file=/d,,x/seed.iso
		-device virtio-blk-pci,drive=seed,serial=ttd-seed
		-netdev user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp:127.0.0.1:40001-:6969
		-device virtio-net-pci,netdev=net0,mac=52:54:00:00:01:02
		-chardev file,id=console,path=/d,,x/console.log -serial chardev:console
		-chardev socket,id=qmp,server=on,wait=off,path=qmp.sock -mon chardev=qmp,mode=control
		-pidfile /d,x/qemu.pid`)
	if diff := cmp.Diff(want, base.argv()); diff != "" {
		t.Error(diff)
	}
	fast := base
	fast.acceleration, fast.tap = "kvm", "ttd000102030405"
	argv := strings.Join(fast.argv(), " ")
	for _, part := range []string{"-accel kvm -cpu host", "-netdev tap,id=net0,script=no,downscript=no,ifname=ttd000102030405 "} {
		if !strings.Contains(argv, part) {
			t.Errorf("%q is not in %s", part, argv)
		}
	}
}

func TestNamesThatFollowFromTheDirectory(t *testing.T) {
	web := &vm{dir: "/data/vms/env/web"}
	if id := web.uuid(); len(id) != 36 || id[14] != '8' || id == (&vm{dir: "/data/vms/env/db"}).uuid() {
		t.Errorf("uuid %s", id)
	}
	if len(web.tap()) > 15 || !strings.HasPrefix(web.mac(), "52:54:00:") {
		t.Errorf("tap %s, mac %s", web.tap(), web.mac())
	}
	for name, args := range map[string][]string{
		"another program": {"vi", "-uuid", web.uuid()},
		"another machine": {"/usr/bin/qemu-system-x86_64", "-uuid", "x"},
		"no arguments":    {""},
		"cut short":       {"qemu-system-x86_64", "-uuid"},
	} {
		if web.owns(args) {
			t.Errorf("%s is taken for the machine", name)
		}
	}
	if !web.owns([]string{"/usr/bin/qemu-system-x86_64", "-uuid", web.uuid(), ""}) {
		t.Error("the machine's own process is not known")
	}
}

func TestAllocation(t *testing.T) {
	udp, tcp, ssh := ForwardPort{"udp", 6969}, ForwardPort{"tcp", 6969}, ForwardPort{"tcp", 22}
	for name, test := range map[string]struct {
		needed []ForwardPort
		now    []forward
		active bool // the machine runs with what is now
		busy   []ForwardPort
		want   []forward
	}{
		"the same number":            {[]ForwardPort{ssh, udp}, nil, false, nil, []forward{{"tcp", 22, 2222}, {"udp", 6969, 6969}}},
		"both under one number":      {[]ForwardPort{udp, tcp}, nil, false, []ForwardPort{{"tcp", 6969}}, []forward{{"udp", 6969, 40001}, {"tcp", 6969, 40001}}},
		"tcp alone does not matter":  {[]ForwardPort{udp}, nil, false, []ForwardPort{{"tcp", 6969}}, []forward{{"udp", 6969, 6969}}},
		"random ones may be taken":   {[]ForwardPort{udp}, nil, false, []ForwardPort{udp, {"udp", 40001}}, []forward{{"udp", 6969, 40002}}},
		"what was stays":             {[]ForwardPort{udp}, []forward{{"udp", 6969, 50000}}, false, nil, []forward{{"udp", 6969, 50000}}},
		"also when it is held":       {[]ForwardPort{udp}, []forward{{"udp", 6969, 50000}}, true, []ForwardPort{{"udp", 50000}}, []forward{{"udp", 6969, 50000}}},
		"unless somebody else has":   {[]ForwardPort{udp}, []forward{{"udp", 6969, 50000}}, false, []ForwardPort{{"udp", 50000}}, []forward{{"udp", 6969, 6969}}},
		"the second joins the first": {[]ForwardPort{udp, tcp}, []forward{{"udp", 6969, 50000}}, true, []ForwardPort{{"udp", 50000}}, []forward{{"udp", 6969, 50000}, {"tcp", 6969, 50000}}},
		"or both move":               {[]ForwardPort{udp, tcp}, []forward{{"udp", 6969, 50000}}, true, []ForwardPort{{"udp", 50000}, {"tcp", 50000}}, []forward{{"udp", 6969, 6969}, {"tcp", 6969, 6969}}},
		"two never share":            {[]ForwardPort{ssh, {"tcp", 2222}}, nil, false, nil, []forward{{"tcp", 22, 2222}, {"tcp", 2222, 40001}}},
		"what is not needed goes":    {[]ForwardPort{ssh}, []forward{{"tcp", 22, 2222}, {"udp", 6969, 6969}}, true, []ForwardPort{{"tcp", 2222}}, []forward{{"tcp", 22, 2222}}},
	} {
		t.Run(name, func(t *testing.T) {
			next := 40000
			a := allocation{
				now:    test.now,
				active: func(f forward) bool { return test.active && slices.Contains(test.now, f) },
				free:   func(proto string, n int) bool { return !slices.Contains(test.busy, ForwardPort{proto, n}) },
				random: func() (int, error) { next++; return next, nil },
			}
			got, err := a.forwards(test.needed)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v (%v), want %v", got, err, test.want)
			}
		})
	}
	none := allocation{
		active: func(forward) bool { return false }, free: func(string, int) bool { return false },
		random: func() (int, error) { return 1, nil },
	}
	if _, err := none.forwards([]ForwardPort{udp}); err == nil || !strings.Contains(err.Error(), "no free port for udp 6969") {
		t.Errorf("error %v", err)
	}
}

func TestParseUsernet(t *testing.T) {
	text := "Hub -1 (net0):\r\n" +
		"  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n" +
		"  TCP[HOST_FORWARD]  13       127.0.0.1  2222       10.0.2.15    22     0     0\r\n" +
		"  UDP[HOST_FORWARD]  14       127.0.0.1 40001       10.0.2.15  6969     0     0\r\n" +
		"  TCP[ESTABLISHED]   15       10.0.2.15 41000       192.0.2.1    80     0     0\r\n"
	want := []forward{{"tcp", 22, 2222}, {"udp", 6969, 40001}}
	if got := parseUsernet(text); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// readISO reads all files of an image with the library's reader.
func readISO(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fs, err := iso9660.Read(file.New(f, true), 0, 0, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimRight(fs.Label(), "\x00 ") != "cidata" {
		t.Errorf("label %q", fs.Label())
	}
	out := map[string]string{}
	for _, name := range []string{"user-data", "meta-data", "network-config"} {
		content, err := fs.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(content)
	}
	return out
}

func TestSeed(t *testing.T) {
	s := seed{
		Instance: "ttd-1", Hostname: "web", User: "torrust", AuthorizedKey: "ssh-ed25519 AAAA", SSHPort: 2022,
		HostKey: "-----BEGIN\nkey: \"x\"\n", HostPublicKey: "ssh-ed25519 BBBB",
		DataDevice: "/dev/disk/by-id/virtio-ttd-data", DataLabel: "ttd-data", DataMount: "/data",
		MAC: "52:54:00:01:02:03", Addresses: []string{"192.0.2.5/24", "2001:db8::5/64"},
		Gateways:    []gateway{{"0.0.0.0/0", "192.0.2.1"}, {"::/0", "2001:db8::1"}},
		Nameservers: []string{"192.0.2.53"},
	}
	files, err := s.files()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "seed.iso")
	for range 2 { // the second time over the leftovers of a crash
		if err := writeISO(path, files); err != nil {
			t.Fatal(err)
		}
		os.Mkdir(path+".tree", 0o700)
		os.WriteFile(path+".tree/user-data", []byte("old"), 0o600)
		os.WriteFile(path+".new", []byte("old"), 0o400)
	}
	read := readISO(t, path)
	if diff := cmp.Diff(files, read); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(read["user-data"], "#cloud-config\n") {
		t.Error("user-data does not say what it is")
	}
	var user struct {
		Hostname string
		Users    []struct {
			Name, Sudo string
			LockPasswd bool     `yaml:"lock_passwd"`
			Keys       []string `yaml:"ssh_authorized_keys"`
		}
		DeleteKeys  bool              `yaml:"ssh_deletekeys"`
		PWAuth      bool              `yaml:"ssh_pwauth"`
		DisableRoot bool              `yaml:"disable_root"`
		Keys        map[string]string `yaml:"ssh_keys"`
		BootCmd     [][]string        `yaml:"bootcmd"`
		Mounts      [][]string
		Files       []struct{ Path, Content string } `yaml:"write_files"`
	}
	if err := yaml.Unmarshal([]byte(read["user-data"]), &user); err != nil {
		t.Fatal(err)
	}
	if u := user.Users[0]; user.Hostname != "web" || u.Name != "torrust" || u.Sudo != "ALL=(ALL) NOPASSWD:ALL" || !u.LockPasswd ||
		!slices.Equal(u.Keys, []string{"ssh-ed25519 AAAA"}) || !user.DeleteKeys || user.PWAuth || !user.DisableRoot {
		t.Errorf("%+v", user)
	}
	if user.Keys["ed25519_private"] != s.HostKey || user.Keys["ed25519_public"] != s.HostPublicKey {
		t.Errorf("host key %q", user.Keys)
	}
	if user.Mounts[0][0] != "LABEL=ttd-data" || user.Mounts[0][1] != "/data" || user.BootCmd[0][3] != s.DataDevice || user.BootCmd[0][4] != s.DataLabel {
		t.Errorf("mounts %v, bootcmd %v", user.Mounts, user.BootCmd)
	}
	if user.Files[1].Content != "Port 2022\n" || !strings.Contains(user.Files[0].Content, "RequiresMountsFor=/data\n") {
		t.Errorf("files %+v", user.Files)
	}
	var network map[string]any
	if err := yaml.Unmarshal([]byte(read["network-config"]), &network); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"version": 2, "ethernets": map[string]any{"machine0": map[string]any{
		"match": map[string]any{"macaddress": s.MAC}, "dhcp4": false, "dhcp6": false,
		"addresses":   []any{"192.0.2.5/24", "2001:db8::5/64"},
		"routes":      []any{map[string]any{"to": "0.0.0.0/0", "via": "192.0.2.1"}, map[string]any{"to": "::/0", "via": "2001:db8::1"}},
		"nameservers": map[string]any{"addresses": []any{"192.0.2.53"}},
	}}}
	if diff := cmp.Diff(want, network); diff != "" {
		t.Error(diff)
	}

	plain, err := seed{User: "root", SSHPort: 22}.files()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"disable_root: false", "dhcp4: true"} {
		if !strings.Contains(plain["user-data"]+plain["network-config"], part) {
			t.Errorf("%q is missing", part)
		}
	}
	if strings.Contains(plain["user-data"], "ssh_keys") || strings.Contains(plain["user-data"], "sshd_config.d") {
		t.Error("there is what was not asked for")
	}
}

func TestStatusOfDirectories(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(image)
	made := state{
		Image: &imageState{Reference: "image", Path: image, Modified: info.ModTime().UnixNano()},
		CPUs:  1, Memory: 32 << 20, Disk: 1 << 20, Data: 1 << 20, User: "torrust", SSHPort: 22, Booted: true,
	}
	for name, test := range map[string]struct {
		edit   func(*state, *environments.Host)
		files  []string
		state  tasks.State
		reason string
		want   tasks.Status
	}{
		"nothing":         {nil, nil, tasks.StateAbsent, "never made", tasks.Status{}},
		"interrupted":     {func(s *state, _ *environments.Host) { s.Booted = false }, nil, tasks.StateAbsent, "never made", tasks.Status{}},
		"off":             {func(*state, *environments.Host) {}, []string{diskFile, dataFile}, tasks.StateStopped, "switched off", tasks.Status{}},
		"without disk":    {func(*state, *environments.Host) {}, []string{dataFile}, tasks.StateAbsent, "disk is gone", tasks.Status{Kept: []string{"data disk"}}},
		"only data":       {func(s *state, _ *environments.Host) { *s = state{} }, []string{dataFile}, tasks.StateAbsent, "destroyed", tasks.Status{Kept: []string{"data disk"}}},
		"other processor": {func(_ *state, h *environments.Host) { h.Provider.QEMU.CPUs = 4 }, []string{diskFile}, tasks.StateStopped, "", tasks.Status{Changes: []tasks.FieldChange{{Name: "cpus", Old: "1", New: "4"}}}},
		"other image":     {func(_ *state, h *environments.Host) { h.Provider.QEMU.Image = "new" }, []string{diskFile}, tasks.StateStopped, "", tasks.Status{Replace: true, Changes: []tasks.FieldChange{{Name: "image", Old: "image", New: "new"}}}},
		"moved image": {func(s *state, h *environments.Host) {
			s.Image.Checksum, h.Provider.QEMU.Image, h.Provider.QEMU.Checksum = "aa", "new", "AA"
		}, []string{diskFile}, tasks.StateStopped, "", tasks.Status{}},
		"smaller disk": {func(s *state, _ *environments.Host) { s.Disk = 2 << 20 }, []string{diskFile}, tasks.StateStopped, "", tasks.Status{Replace: true, Changes: []tasks.FieldChange{{Name: "disk", Old: "2MiB", New: "1MiB"}}}},
		"other network": {func(_ *state, h *environments.Host) {
			h.Provider.QEMU.Network = &environments.Bridge{Name: "br0", IPv4: "192.0.2.5/24"}
		}, []string{diskFile}, tasks.StateStopped, "", tasks.Status{Replace: true, Changes: []tasks.FieldChange{{Name: "network", Old: "user", New: "bridge br0 192.0.2.5/24"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := New(Config{Environment: "e", DataHome: t.TempDir(), Keys: newKeys()})
			h := environments.Host{User: "torrust", SSHPort: 22, Provider: environments.Provider{QEMU: &environments.QEMU{
				Image: "image", CPUs: 1, Memory: 32 << 20, Disk: 1 << 20, Data: 1 << 20}}}
			h.Name = "web"
			if test.edit != nil {
				s := made
				i := *made.Image
				s.Image = &i
				test.edit(&s, &h)
				v := &vm{Provider: p, dir: p.Directory("web"), state: &s}
				if err := errors.Join(os.MkdirAll(v.dir, 0o700), v.save()); err != nil {
					t.Fatal(err)
				}
				for _, f := range test.files {
					os.WriteFile(v.path(f), nil, 0o600)
				}
			}
			got, err := p.Status(t.Context(), h)
			if err != nil || got.State != test.state || !strings.Contains(got.Reason, test.reason) {
				t.Fatalf("%+v, %v", got, err)
			}
			test.want.State, test.want.Reason = got.State, got.Reason
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStateOfANewerProgramOrOfNobody(t *testing.T) {
	p := New(Config{Environment: "e", DataHome: t.TempDir(), Keys: newKeys()})
	h := environments.Host{Provider: environments.Provider{QEMU: &environments.QEMU{}}}
	h.Name = "web"
	os.MkdirAll(p.Directory("web"), 0o700)
	for content, want := range map[string]string{`{"format": 2}`: "format 2", "{": "state.json"} {
		os.WriteFile(filepath.Join(p.Directory("web"), stateFile), []byte(content), 0o600)
		if _, err := p.Status(t.Context(), h); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", content, err)
		}
	}
	if err := p.Remove(t.Context(), h, false); err != nil {
		t.Errorf("what cannot be read cannot be removed: %v", err)
	}
	if _, err := p.Status(t.Context(), environments.Host{}); err == nil {
		t.Error("a host of another provider was accepted")
	}
}
