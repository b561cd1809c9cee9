package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/internal/lab"
)

const (
	dockerBridge = "172.17.0.1" // the address that host.docker.internal stands for
	gateway      = "172.18.0.1" // of the environment's own network
	gateway6     = "fd18::1"
)

// A world is a machine of namespaces: one of its own with Docker's bridge and
// the bridge of the environment's network, and one for each service.
type world struct {
	t       *testing.T
	dir     string
	prefix  string      // of the namespaces' names
	host    lab.Network // the machine's own namespace
	secrets map[string]string
	running map[string]*container
}

// container is a service that was started.
type container struct {
	service environments.Service
	pid     int
	done    chan struct{} // closed when its process has ended
	root    string
	mounts  []string
	log     string
	address string // "" in the machine's namespace
	ipv6    string
}

// extra are the compose keys beyond the parameters that the library uses.
type extra struct {
	Entrypoint  []string `json:"entrypoint"`
	NetworkMode string   `json:"network_mode"`
	PID         string   `json:"pid"`
	Tmpfs       []string `json:"tmpfs"`
	ExtraHosts  []string `json:"extra_hosts"`
	SecurityOpt []string `json:"security_opt"`
}

// newWorld makes a machine with addresses for the services of e.
func newWorld(t *testing.T, e *environments.Environment, secrets map[string]string) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("namespaces are made by root")
	}
	prefix := fmt.Sprintf("stack%d-", os.Getpid())
	w := &world{
		t: t, dir: t.TempDir(), prefix: prefix, host: lab.Network{Name: prefix + "host"},
		secrets: secrets, running: map[string]*container{},
	}
	w.run("ip", "netns", "add", w.host.Name)
	t.Cleanup(func() { w.run("ip", "netns", "delete", w.host.Name) })
	for _, step := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", "docker0", "type", "bridge"}, {"addr", "add", dockerBridge + "/16", "dev", "docker0"}, {"link", "set", "docker0", "up"},
		{"link", "add", "br-stack", "type", "bridge"}, {"addr", "add", gateway + "/24", "dev", "br-stack"},
		{"addr", "add", gateway6 + "/64", "dev", "br-stack", "nodad"}, {"link", "set", "br-stack", "up"},
	} {
		w.run("ip", append([]string{"-netns", w.host.Name}, step...)...)
	}
	names := map[string]net.IP{}
	for i, s := range e.Services {
		c := &container{service: s, log: filepath.Join(w.dir, s.Name+".log")}
		w.running[s.Name] = c
		if w.extraOf(s).NetworkMode == "host" {
			continue
		}
		c.address, c.ipv6 = fmt.Sprintf("172.18.0.%d", 10+i), fmt.Sprintf("fd18::%x", 16+i)
		names[s.Name] = net.ParseIP(c.address)
		w.connect(c, i)
		for _, nv := range s.Sysctls {
			w.run("ip", "netns", "exec", w.prefix+s.Name, "sysctl", "-q", "-w", nv.Name+"="+w.render(nv.Value))
		}
	}
	conn, err := w.host.ListenPacket("udp", gateway+":53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go answerNames(conn, names)
	return w
}

// connect gives a service its namespace and addresses on the network.
func (w *world) connect(c *container, i int) {
	w.t.Helper()
	ns, inner, outer := w.prefix+c.service.Name, fmt.Sprintf("in%d", i), fmt.Sprintf("out%d", i)
	w.run("ip", "netns", "add", ns)
	w.t.Cleanup(func() { w.run("ip", "netns", "delete", ns) })
	for _, step := range [][]string{
		{"-netns", w.host.Name, "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", ns},
		{"-netns", w.host.Name, "link", "set", outer, "master", "br-stack", "up"},
		{"-netns", ns, "link", "set", "lo", "up"},
		{"-netns", ns, "link", "set", inner, "name", "eth0", "up"},
		{"-netns", ns, "addr", "add", c.address + "/24", "dev", "eth0"},
		{"-netns", ns, "addr", "add", c.ipv6 + "/64", "dev", "eth0", "nodad"},
		{"-netns", ns, "route", "add", "default", "via", gateway},
	} {
		w.run("ip", step...)
	}
}

func (w *world) run(program string, args ...string) {
	w.t.Helper()
	if said, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, said)
	}
}

// lookup answers what is deferred: secrets by the table, addresses of the
// machine by that of the network.
func (w *world) lookup(v environments.Value) (string, error) {
	if secret, ok := w.secrets[v.Name]; ok && v.Secret() {
		return secret, nil
	}
	if v.Secret() {
		return "", fmt.Errorf("the test has no value for the secret %s", v.Name)
	}
	return gateway, nil
}

func (w *world) render(v environments.Value) string {
	w.t.Helper()
	text, err := v.Render(w.lookup)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *world) extraOf(s environments.Service) (x extra) {
	w.t.Helper()
	if s.Extra != nil {
		text := w.render(environments.Value{Kind: environments.Encode, Format: "json", Data: s.Extra})
		if err := json.Unmarshal([]byte(text), &x); err != nil {
			w.t.Fatal(err)
		}
	}
	return x
}

// start runs every service and waits until each is healthy.
func (w *world) start(e *environments.Environment) {
	w.t.Helper()
	for _, s := range e.Services {
		w.launch(s)
	}
	for _, s := range e.Services {
		w.await(s.Name+" is healthy", func() error { return w.healthy(s.Name) })
	}
}

// inside is what runs in the mount namespace of a service before its own
// program: the mounts, and the rights that are left.
const inside = `
root=$1 readonly=$2 user=$3 drop=$4 directory=$5
shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t sysfs -o ro sysfs "$root/sys"
while [ "$1" != -- ]; do
    case $1 in
    tmpfs) mount -t tmpfs -o "mode=1777,size=16m" tmpfs "$root$2" ;;
    *) mount --bind "$1" "$root$2" ;;
    esac
    shift 2
done
shift
[ "$readonly" = false ] || mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
exec setpriv $drop -- chroot --userspec="$user" "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
`

// launch writes the files of a service, as they are declared now, and starts its
// process; one that runs is to be stopped first.
func (w *world) launch(s environments.Service) {
	w.t.Helper()
	c, x := w.running[s.Name], w.extraOf(s)
	image := shelf.get(w.t, s.Image)
	if c.root == "" {
		c.root = filepath.Join(w.dir, "root-"+s.Name)
		w.run("cp", "-al", image.root, c.root)
	}
	c.mounts = w.mounts(c, x)
	w.t.Cleanup(func() { w.stop(s.Name) })
	w.relaunch(s.Name)
}

// relaunch starts the process of a service that was stopped, with the files
// that are there.
func (w *world) relaunch(name string) {
	w.t.Helper()
	c := w.running[name]
	s := c.service
	x, image := w.extraOf(s), shelf.get(w.t, s.Image)
	entry, command := image.config.Entrypoint, image.config.Cmd
	if len(x.Entrypoint) > 0 {
		entry, command = x.Entrypoint, nil
	}
	if len(s.Command) > 0 {
		command = nil
		for _, v := range s.Command {
			command = append(command, w.render(v))
		}
	}
	directory := image.config.WorkingDir
	if directory == "" {
		directory = "/"
	}
	argv := []string{"nice", "-n", "19", "ip", "netns", "exec", w.prefix + s.Name, "unshare", "--mount"}
	if x.NetworkMode == "host" {
		argv[6] = w.host.Name
	}
	if x.PID != "host" {
		argv = append(argv, "--pid", "--fork", "--kill-child")
	}
	argv = append(argv, "/bin/sh", "-euc", inside, "start", c.root, fmt.Sprint(s.ReadOnly), userOf(s, image.config.User), rights(s, x), directory)
	argv = slices.Concat(argv, c.mounts, []string{"--"}, entry, command)
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, append([]string{"HOME=/"}, image.config.Env...)
	for _, nv := range s.Environment {
		cmd.Env = append(cmd.Env, nv.Name+"="+w.render(nv.Value))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	c.pid, c.done = cmd.Process.Pid, make(chan struct{})
	done := c.done
	go func() {
		cmd.Wait()
		close(done)
	}()
}

// stop ends the process of a service, if it runs.
func (w *world) stop(name string) {
	c := w.running[name]
	if c.done == nil {
		return
	}
	syscall.Kill(-c.pid, syscall.SIGKILL)
	<-c.done
}

// mounts lays out the files and data of a service: pairs of what is mounted
// and where.
func (w *world) mounts(c *container, x extra) (pairs []string) {
	w.t.Helper()
	s := c.service
	for _, dir := range []string{"/proc", "/sys", "/dev", "/etc"} {
		w.run("mkdir", "-p", c.root+dir)
	}
	hosts := "127.0.0.1 localhost\n"
	for _, h := range x.ExtraHosts {
		name, address, _ := strings.Cut(h, ":")
		hosts += strings.Replace(address, "host-gateway", dockerBridge, 1) + " " + name + "\n"
	}
	pairs = append(pairs,
		w.file(c, "/etc/hosts", hosts, "0:0", "0644"), "/etc/hosts",
		w.file(c, "/etc/resolv.conf", "nameserver "+gateway+"\noptions timeout:2 attempts:2\n", "0:0", "0644"), "/etc/resolv.conf")
	for _, d := range s.Data {
		source := filepath.Join(w.dir, "data"+d.Disk, d.Name)
		if _, err := os.Stat(source); err != nil {
			w.run("mkdir", "-p", source)
			w.own(source, d.Owner, d.Mode)
		}
		w.run("mkdir", "-p", c.root+d.Path)
		pairs = append(pairs, source, d.Path)
	}
	for _, m := range s.Files {
		pairs = append(pairs, w.file(c, m.Path, w.render(*m.Content), m.Owner, m.Mode), m.Path)
	}
	for _, mount := range x.Tmpfs {
		path, _, _ := strings.Cut(mount, ":")
		w.run("mkdir", "-p", c.root+path)
		pairs = append(pairs, "tmpfs", path)
	}
	return pairs
}

// file writes a file for a service, in place where it is there already, and
// makes the place for it in the container.
func (w *world) file(c *container, path, content, owner, mode string) string {
	w.t.Helper()
	source := filepath.Join(w.dir, "files", c.service.Name, path)
	w.run("mkdir", "-p", filepath.Dir(source), filepath.Dir(c.root+path))
	if err := os.WriteFile(source, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.own(source, owner, mode)
	if _, err := os.Lstat(c.root + path); err != nil {
		w.run("touch", c.root+path)
	}
	return source
}

func (w *world) own(path, owner, mode string) {
	w.t.Helper()
	if owner != "" {
		w.run("chown", owner, path)
	}
	if mode == "" {
		mode = "0755"
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			mode = "0644"
		}
	}
	w.run("chmod", mode, path)
}

func userOf(s environments.Service, image string) string {
	switch {
	case s.User != "":
		return s.User
	case image == "nobody":
		return "65534:65534"
	case image == "472":
		return "472:0"
	}
	return "0:0"
}

// rights are the options of setpriv. Three capabilities are kept for chroot,
// which gives them up when it changes the user.
func rights(s environments.Service, x extra) string {
	options := "--inh-caps=-all"
	if slices.Contains(s.CapDrop, "ALL") {
		options += " --bounding-set=-all,+sys_chroot,+setuid,+setgid"
		for _, c := range s.CapAdd {
			options += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
		}
	}
	if slices.Contains(x.SecurityOpt, "no-new-privileges:true") {
		options += " --no-new-privs"
	}
	return options
}

// exec runs argv in the container of a service, as its user.
func (w *world) exec(name string, argv ...string) (string, error) {
	c := w.running[name]
	pid := fmt.Sprint(c.pid)
	if x := w.extraOf(c.service); x.PID != "host" {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", pid, pid))
		if err != nil || len(strings.Fields(string(children))) != 1 {
			return "", fmt.Errorf("%s does not run: %s %w", name, children, errors.Join(err, errEnded))
		}
		pid = strings.TrimSpace(string(children))
	}
	user, group, _ := strings.Cut(userOf(c.service, shelf.at[c.service.Image].config.User), ":")
	args := append([]string{"-n", "19", "nsenter", "--target", pid, "--mount", "--net", "--pid", "--root", "--wd",
		"--setuid", user, "--setgid", group, "--"}, argv...)
	cmd := exec.Command("nice", args...)
	cmd.Env = append(slices.Clone(shelf.at[c.service.Image].config.Env), environment(w, c.service)...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", name, err, said)
	}
	return string(said), err
}

var errEnded = errors.New("its process has ended")

func environment(w *world, s environments.Service) (list []string) {
	for _, nv := range s.Environment {
		list = append(list, nv.Name+"="+w.render(nv.Value))
	}
	return list
}

// healthy runs the health check of a service once.
func (w *world) healthy(name string) error {
	c := w.running[name]
	select {
	case <-c.done:
		return fatal{fmt.Errorf("%s has ended:\n%s", name, w.logs(name))}
	default:
	}
	_, err := w.exec(name, c.service.Health.Command...)
	return err
}

func (w *world) logs(name string) string {
	text, err := os.ReadFile(w.running[name].log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// fatal is an error that waiting does not cure.
type fatal struct{ error }

// await polls until f has no error, for two minutes.
func (w *world) await(what string, f func() error) {
	w.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := f()
		if err == nil {
			return
		}
		if _, ok := err.(fatal); ok || time.Now().After(deadline) {
			w.t.Fatalf("waiting until %s: %v", what, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// get fetches a URL from the machine, names being those of services.
func (w *world) get(url string) (string, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			name, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if c, ok := w.running[name]; ok {
				address = net.JoinHostPort(c.address, port)
			}
			return w.host.DialContext(ctx, network, address)
		},
	}}
	r, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", r.Status, body)
	}
	return string(body), err
}

// answerNames is the resolver of the network: an address for each name, for
// everything else that there is no such name.
func answerNames(conn net.PacketConn, names map[string]net.IP) {
	buffer := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if n < 17 {
			continue
		}
		q := buffer[12:n]
		var labels []string
		at := 0
		for at < len(q) && q[at] != 0 && at+1+int(q[at]) < len(q) {
			labels = append(labels, string(q[at+1:at+1+int(q[at])]))
			at += 1 + int(q[at])
		}
		if at+5 > len(q) {
			continue
		}
		ip, known := names[strings.ToLower(strings.Join(labels, "."))]
		answer := slices.Concat(buffer[:2], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[:at+5])
		switch {
		case !known:
			answer[3] |= 3 // no such name
		case q[at+2] == 1: // an IPv4 address
			answer[7] = 1
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4)
			answer = append(answer, ip.To4()...)
		}
		conn.WriteTo(answer, from)
	}
}
