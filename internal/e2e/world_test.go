// Package e2e holds the tests on real machines: the program, a virtual machine
// in a network namespace of its own, and a client in that namespace that sees
// the machine as the outside does, on IPv4 and IPv6.
//
// There are two worlds. In each the machine is booted and deployed once, for
// the first test that takes the world; its memory is saved after either. Every
// test takes one of the worlds and starts from a snapshot, in seconds. One
// machine is made of an image that has all that is needed, the other of a bare
// one, which gets its packages while it is deployed.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/internal/lab"
)

const (
	machine4 = "10.77.0.10"
	machine6 = "fd77::10"

	booted   = "booted"   // it runs, and has keys of its own
	deployed = "deployed" // environments/lab.star, as project writes it
)

// adminToken is the tracker's, given by the environment variable TRACKER_ADMIN_TOKEN.
const adminToken = "CanaryAdminToken7f3a9c"

// A world is everything around the program: the network, the servers that a
// machine needs, a project, and the operator's home.
type world struct {
	dir     string
	program string
	image   string
	network *lab.Network
	env     []string
	servers []func() error
	guest   *ssh.Client // a login that tests look through; nil = none yet
	free    chan *world // where it waits while no test is in it
}

// plain and bare hold the world of either image while no test is in it. There
// are two since an emulated machine with one processor is busy with one thing
// at a time: two keep two cores busy.
var plain, bare = make(chan *world, 1), make(chan *world, 1)

func TestMain(m *testing.M) {
	code, err := inWorlds(context.Background(), m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// inWorlds makes the worlds, side by side, and takes them away after run.
func inWorlds(ctx context.Context, run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "torrust-tracker-deployer")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/torrust/tracker-deployer/cmd/torrust-tracker-deployer")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, out)
	}
	for _, kind := range []struct {
		image, network string
		free           chan *world
	}{{lab.Debian13, "ttd-e2e-1", plain}, {lab.Debian13Bare, "ttd-e2e-2", bare}} {
		w, wrong := newWorld(ctx, filepath.Join(dir, kind.image), program, kind.image, kind.network)
		if wrong != nil {
			return 0, wrong
		}
		defer func() { err = errors.Join(err, w.close(ctx)) }()
		w.free = kind.free
		w.free <- w
	}
	return run(), nil
}

// enter brings t into a world of its own, with machine and operator as in a
// snapshot.
func enter(t *testing.T, snapshot string) *world {
	t.Helper()
	t.Parallel()
	var w *world
	select {
	case w = <-plain:
	case w = <-bare:
	}
	w.begin(t, snapshot)
	return w
}

// enterPlain is enter for a test that makes machines of the image and has no
// time for their packages.
func enterPlain(t *testing.T, snapshot string) *world {
	t.Helper()
	t.Parallel()
	w := <-plain
	w.begin(t, snapshot)
	return w
}

// begin keeps w for t until it ends and brings it to a snapshot.
func (w *world) begin(t *testing.T, snapshot string) {
	t.Helper()
	t.Cleanup(func() { w.free <- w })
	if _, err := os.Lstat(w.path("snapshots/" + deployed)); err != nil {
		if err := w.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.restore(t, snapshot)
}

// newWorld makes a directory, a network and the servers in it.
func newWorld(ctx context.Context, dir, program, image, network string) (_ *world, err error) {
	w := &world{dir: dir, program: program}
	cache, err := lab.DefaultDir()
	if err != nil {
		return nil, err
	}
	l := lab.New(cache, os.Stderr)
	if w.image, err = l.VMImage(ctx, image); err != nil {
		return nil, err
	}
	if w.network, err = lab.NewNetwork(ctx, network); err != nil {
		return nil, err
	}
	if err := w.serve(ctx, l); err != nil {
		return nil, err
	}
	w.env = []string{"PATH=" + os.Getenv("PATH"), "TRACKER_ADMIN_TOKEN=" + adminToken}
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"} {
		w.env = append(w.env, name+"="+w.path(strings.ToLower(name)))
	}
	return w, os.MkdirAll(w.path("project/environments"), 0o755)
}

// serve starts what the machine fetches from: a registry and a package
// repository.
func (w *world) serve(ctx context.Context, l *lab.Lab) error {
	tracker, err := l.TrackerImage(ctx)
	if err != nil {
		return err
	}
	listener, err := l.ListenerImage(ctx)
	if err != nil {
		return err
	}
	packages, err := l.Packages(ctx)
	if err != nil {
		return err
	}
	socket, err := w.network.Listen("tcp", lab.Gateway4+":5000")
	if err != nil {
		return err
	}
	registry, err := lab.StartRegistry(ctx, socket, tracker, listener)
	if err != nil {
		return err
	}
	if socket, err = w.network.Listen("tcp", lab.Gateway4+":8000"); err != nil {
		return err
	}
	server := &http.Server{Handler: lab.PackageHandler(packages)}
	go func() { _ = server.Serve(socket) }() // it ends with Close
	w.servers = append(w.servers, registry.Close, server.Close)
	return nil
}

// prepare boots and deploys the machine, and saves it after either. The test
// that it is done for fails where it fails, and the next one tries again.
func (w *world) prepare(ctx context.Context) error {
	if err := w.write(labStar("")); err != nil {
		return err
	}
	for _, step := range []struct{ target, snapshot string }{{"provision", booted}, {"deploy", deployed}} {
		start := time.Now()
		r := w.run(ctx, step.target, "lab", "--yes")
		if r.code != 0 {
			return fmt.Errorf("%s: exit %d\n%s%s", step.target, r.code, r.stdout, r.stderr)
		}
		fmt.Fprintf(os.Stderr, "e2e: %s in %s: %s\n", step.target, time.Since(start).Round(time.Second), lastLine(r.stderr))
		if err := w.save(ctx, step.snapshot); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) close(ctx context.Context) error {
	var errs []error
	for _, host := range []string{"web", "two"} {
		errs = append(errs, w.kill(host))
	}
	for _, stop := range w.servers {
		errs = append(errs, stop())
	}
	return errors.Join(append(errs, w.network.Close(ctx))...)
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// write makes text the environment file of the project.
func (w *world) write(text string) error {
	text = strings.ReplaceAll(text, "IMAGE", w.image)
	return os.WriteFile(w.path("project/environments/lab.star"), []byte(text), 0o644)
}

// labStar is the environment of the tests; more is put at its end.
func labStar(more string) string {
	return trackerStar("") + more
}

// trackerStar is the environment with further arguments of tracker().
func trackerStar(arguments string) string {
	return `load("@torrust//tracker.star", "tracker")
environment(id = "lab-e2e")
web = vm(
    name = "web",
    provider = qemu(image = "IMAGE", cpus = 1, network = bridge(name = "br0", ipv4 = "` + machine4 + `/24", ipv6 = "` + machine6 + `/64")),
    registry_mirrors = ["http://` + lab.Gateway4 + `:5000"],
    apt_mirror = "deb [trusted=yes] http://` + lab.Gateway4 + `:8000/ ./",
)
trk = tracker(name = "tracker", host = web, admin_token = secret("TRACKER_ADMIN_TOKEN")` + arguments + `)
firewall(name = "edge", host = web, allow = [udp(6969), tcp(7070)])
`
}

// A result is what a run of the program left.
type result struct {
	stdout, stderr string
	code           int
}

// command returns the program with args, in the network and the project.
func (w *world) command(ctx context.Context, args ...string) *exec.Cmd {
	argv := w.network.Command(append([]string{w.program}, args...)...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = w.path("project"), w.env
	return cmd
}

// run runs the program to its end.
func (w *world) run(ctx context.Context, args ...string) result {
	cmd := w.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	r := result{stdout: out.String(), stderr: errs.String(), code: cmd.ProcessState.ExitCode()}
	if err != nil && r.code <= 0 {
		r.code, r.stderr = -1, r.stderr+err.Error()
	}
	return r
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return lines[len(lines)-1]
}

// vm is the directory of a machine of the project.
func (w *world) vm(host string) string {
	return w.path("xdg_data_home/torrust-tracker-deployer/vms/lab-e2e/" + host)
}

// kept are the directories and files that a snapshot consists of beside the
// machine's disks.
var kept = []string{"project", "xdg_state_home", "xdg_config_home"}

// save keeps the machine's memory in its disk, and beside it what the operator
// has.
func (w *world) save(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	qmp, err := lab.DialQMP(ctx, filepath.Join(w.vm("web"), "qmp.sock"))
	if err != nil {
		return err
	}
	defer qmp.Close()
	if said, err := qmp.Monitor(ctx, "savevm "+name); err != nil || strings.TrimSpace(said) != "" {
		return fmt.Errorf("savevm %s: %s: %w", name, said, err)
	}
	into := w.path("snapshots/" + name)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	if err := copyTree(ctx, w.vm("web")+"/state.json", into+"/state.json"); err != nil {
		return err
	}
	for _, dir := range kept {
		if err := copyTree(ctx, w.path(dir), filepath.Join(into, dir)); err != nil {
			return err
		}
	}
	return nil
}

// restore brings machine and operator back to a snapshot.
func (w *world) restore(t *testing.T, name string) {
	t.Helper()
	if err := w.tryRestore(t.Context(), name); err != nil {
		t.Fatalf("restore %s: %v", name, err)
	}
}

func (w *world) tryRestore(ctx context.Context, name string) error {
	if err := w.kill("web"); err != nil {
		return err
	}
	from := w.path("snapshots/" + name)
	for _, dir := range kept {
		if err := os.RemoveAll(w.path(dir)); err != nil {
			return err
		}
		if err := copyTree(ctx, filepath.Join(from, dir), w.path(dir)); err != nil {
			return err
		}
	}
	if err := copyTree(ctx, from+"/state.json", w.vm("web")+"/state.json"); err != nil {
		return err
	}
	return w.wake(ctx, name)
}

// wake starts the machine as the program does, from a snapshot of its memory,
// and sets its clock, which is that of the snapshot.
func (w *world) wake(ctx context.Context, snapshot string) error {
	const host = "web"
	content, err := os.ReadFile(filepath.Join(w.vm(host), "state.json"))
	if err != nil {
		return err
	}
	var state struct {
		Argv      []string `json:"argv"`
		Directory string   `json:"directory"`
	}
	if err := json.Unmarshal(content, &state); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(w.vm(host), "qmp.sock")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := w.plug(ctx, state.Argv); err != nil {
		return err
	}
	argv := w.network.Command(append(state.Argv, "-loadvm", snapshot)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = state.Directory
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errors.New("it takes longer than five minutes"))
	defer cancel()
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it ends when it is killed
		close(exited)
		cancel()
	}()
	qmp, err := lab.DialQMP(ctx, filepath.Join(w.vm(host), "qmp.sock"))
	if err != nil {
		select {
		case <-exited:
			return fmt.Errorf("%w: %s", err, said.String())
		case <-time.After(time.Second): // it has not ended; what it said may still be written to
			return err
		}
	}
	if err := qmp.Close(); err != nil {
		return err
	}
	client, err := w.connect(ctx)
	if err != nil {
		return err
	}
	return lab.SetClock(ctx, client, time.Now())
}

// plug makes the machine's network interface where the test before has
// destroyed it with the machine.
func (w *world) plug(ctx context.Context, argv []string) error {
	_, rest, _ := strings.Cut(strings.Join(argv, " "), "ifname=")
	name := rest[:max(0, strings.IndexAny(rest, ", "))]
	if err := w.network.IP(ctx, "link", "show", "dev", name); err == nil {
		return nil
	}
	if err := w.network.IP(ctx, "tuntap", "add", "dev", name, "mode", "tap"); err != nil {
		return err
	}
	return w.network.IP(ctx, "link", "set", name, "master", "br0", "up")
}

// kill pulls the plug of a machine.
func (w *world) kill(host string) error {
	w.guest = nil // whoever is connected would wait for ever
	content, err := os.ReadFile(filepath.Join(w.vm(host), "qemu.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Sscan(string(content), &pid); err != nil {
		return err
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(args, []byte("qemu-system")) || !bytes.Contains(args, []byte(w.dir+"/")) {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return nil // it is gone
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ended(pid) {
			return nil
		}
	}
	return fmt.Errorf("process %d of %s does not end", pid, host)
}

// ended reports whether a process holds nothing any more: its disks are free
// for the next one.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // proc(5): the state follows the name
	// A zombie's other threads may still be ending; they share its files.
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return bytes.HasPrefix(after, []byte("Z")) && (err != nil || len(threads) <= 1)
}

func copyTree(ctx context.Context, from, to string) error {
	if out, err := exec.CommandContext(ctx, "cp", "-aT", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return nil
}
