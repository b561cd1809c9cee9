package e2e

import (
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A first deployment is killed this often, in rounds that each end with one
// that is let finish.
const (
	rounds = 2
	kills  = 5 // in a round
)

// managed prints everything that is managed on the machine by content, without
// ids, times and keys.
const managed = `
cd / && find opt/torrust-tracker-deployer var/lib/torrust-tracker-deployer etc/torrust-tracker-deployer etc/docker etc/apt/apt.conf.d \
    etc/apt/torrust-tracker-deployer.list etc/sysctl.d etc/modules-load.d etc/systemd/system \
    \( -name audit.log -o -name key -o -name 'lock*' -o -path '*/docker/key.json' -o -path '*/data/*' \) -prune -o -printf '%p %y %m %u %g %l\n' | sort
cd / && find opt/torrust-tracker-deployer var/lib/torrust-tracker-deployer etc/torrust-tracker-deployer etc/docker/daemon.json etc/apt/apt.conf.d \
    etc/apt/torrust-tracker-deployer.list etc/sysctl.d etc/modules-load.d \
    \( -name audit.log -o -name key -o -name 'lock*' -o -path '*/data/*' \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
docker ps -aq | xargs -r docker inspect --format '{{.Name}} {{.State.Status}} {{.State.Health.Status}} {{.Image}} {{json .Config.Labels}}' |
    sed 's/"com.docker.compose.replace":"[0-9a-f]*",//' | sort
docker image ls --digests --format '{{.Repository}} {{.Digest}}' | sort
nft -s list table inet torrust_guard
sysctl net.netfilter.nf_conntrack_max net.netfilter.nf_conntrack_udp_timeout
systemctl is-enabled docker torrust-tracker-deployer-firewall
`

// smallStar is an environment that deploys quickly and has one of each kind.
func smallStar() string {
	text := labStar("")
	from := strings.Index(text, "trk = tracker(")
	to := strings.Index(text[from:], "\n")
	return text[:from] + `token = secret("GENERATED", generate = True)
compose_service(name = "hello", host = web, image = "torrust/lab-listener:1.0", ports = [publish(8080)],
    environment = {"GREETING": "hello"}, files = {"/etc/hello.conf": mount(fmt("token {}\n", token), mode = "0600")},
    data = {"/data": volume("hello")},
    healthcheck = healthcheck(["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"], interval = "1s"))
config_file(name = "motd", host = web, path = "/etc/torrust-tracker-deployer/motd", content = fmt("this is {}\n", web.ipv4))` + text[from+to:]
}

func TestKilledAtAnyMomentADeployConverges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := enterPlain(t, booted)
	w.change(t, smallStar())
	start := time.Now()
	w.deploy(t)
	whole := time.Since(start)
	age, err := os.ReadFile(w.path("project/environments/lab.age"))
	if err != nil {
		t.Fatal(err)
	}
	want := w.on(t, managed)
	t.Logf("undisturbed: %s", whole.Round(time.Millisecond))
	for round := range rounds {
		w.restore(t, booted)
		w.change(t, smallStar())
		if err := os.WriteFile(w.path("project/environments/lab.age"), age, 0o600); err != nil {
			t.Fatal(err)
		}
		for range kills {
			after := time.Duration(random.Int64N(int64(whole / 3)))
			t.Logf("round %d: killed after %s", round, after.Round(time.Millisecond))
			w.killedDeploy(t, after)
		}
		w.deploy(t)
		if got := w.on(t, managed); got != want {
			t.Errorf("round %d: the machine is not the same:\n%s", round, difference(want, got))
		}
		w.wantPlan(t)
	}
}

// killedDeploy starts a deployment and kills the program and what it started
// here after a while.
func (w *world) killedDeploy(t *testing.T, after time.Duration) {
	t.Helper()
	cmd := w.command(t.Context(), "deploy", "lab", "--yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)                                   // the moment is what is random
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	_ = cmd.Wait()
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	has := func(text string) map[string]bool {
		set := map[string]bool{}
		for line := range strings.Lines(text) {
			set[line] = true
		}
		return set
	}
	var b strings.Builder
	for _, side := range []struct {
		sign       string
		text, from string
	}{{"-", want, got}, {"+", got, want}} {
		other := has(side.from)
		for line := range strings.Lines(side.text) {
			if !other[line] {
				b.WriteString(side.sign + line)
			}
		}
	}
	return b.String()
}
