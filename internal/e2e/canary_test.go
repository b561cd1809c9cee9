package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/internal/canary"
)

// canaryStar puts secrets, given by the environment and generated, into every
// place of a deployment: the tracker's token, a service's environment and
// files, a file on the machine, and tasks here and there.
func canaryStar() string {
	return labStar(`
given = secret("GIVEN")
made = secret("MADE", generate = True)
both = {"GIVEN": given, "MADE": made}
compose_service(name = "hello", host = web, image = "torrust/lab-listener:1.0", environment = both,
    files = {"/etc/hello.json": mount(json.encode(both), mode = "0600"), "/etc/hello.yaml": mount(yaml.encode(both), mode = "0600")},
    healthcheck = healthcheck(["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"], interval = "1s"))
config_file(name = "conf", host = web, path = "/etc/conf", mode = "0600", content = fmt("{} {}\nhttp://u:{}@h/\n", given, made, urlquote(given)))
speak = ["sh", "-c", "test -n \"$GIVEN\" && printf '%s\\n' \"$GIVEN\" \"$MADE\" && printf 'a%s' \"$GIVEN\" | base64 -w0"]
task(name = "here", run = speak, env = both)
task(name = "there", host = web, run = speak, env = both)
`)
}

// TestNoSecretIsSeenOnEitherSide traces every program that starts, here and on
// the machine, in a deployment that brings secrets of every origin to every
// place that takes one, its tests included, and in tasks. It searches
// arguments, output, logs, and what is kept here.
func TestNoSecretIsSeenOnEitherSide(t *testing.T) {
	w := enter(t, deployed)
	given := canary.Canary{Name: "GIVEN", Value: canary.Value("one")}
	token := canary.Canary{Name: "TRACKER_ADMIN_TOKEN", Value: "CanaryAdminToken5b1e0d"}
	before := w.env
	defer func() { w.env = before }()
	w.env = slices.DeleteFunc(slices.Clone(before), func(v string) bool { return strings.HasPrefix(v, token.Name+"=") })
	w.env = append(w.env, given.Name+"="+given.Value, token.Name+"="+token.Value)
	w.change(t, canaryStar())
	tracer := buildStatic(t, "github.com/torrust/tracker-deployer/internal/ptrace/exectrace")
	w.traceMachine(t, tracer)

	here := w.path("trace")
	log := w.path("xdg_state_home/log")
	left := map[string][]byte{} // by what it is
	for _, args := range [][]string{
		{"deploy", "lab", "--yes", "-vvv", "--log-file", log},
		{"here", "there", "lab", "-vvv", "--json", "--log-file", log, "--log-format", "json"},
		{"plan", "lab", "--json"},
	} {
		r := w.traced(t, tracer, here, args...)
		said := strings.Join(args, " ")
		left["standard output of "+said], left["standard error of "+said] = []byte(r.stdout), []byte(r.stderr)
		left["arguments here during "+said] = readFile(t, here)
	}
	left["the log file"] = readFile(t, log)
	if !strings.Contains(w.on(t, "cat "+trackerToml), token.Value) {
		t.Error("the new token did not get to the tracker")
	}
	there := []byte(w.on(t, "cat /tmp/trace"))
	for _, part := range []string{"compose\x00", "\x00up\x00", "wget\x00-q\x00"} { // the last is a health check, in a container
		if !bytes.Contains(there, []byte(part)) {
			t.Errorf("the trace of the machine lacks %q: it did not see the deployment", part)
		}
	}
	left["arguments on the machine"] = there
	left["the machine's log"] = []byte(w.on(t, machineLog))

	canaries := []canary.Canary{given, token, {Name: "MADE", Value: w.made(t, given.Value)}}
	for where, data := range left {
		for _, hit := range canary.Search(data, canaries...) {
			t.Errorf("%s: %s: %.300q", where, hit, data[max(0, hit.At-100):])
		}
	}
	for _, dir := range []string{"project", "xdg_state_home", "xdg_config_home"} {
		leaks, err := canary.Tree(w.path(dir), canaries...)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range canary.Paths(leaks) {
			t.Errorf("%s/%s holds %v", dir, path, leaks[path])
		}
	}
	w.controls(t, tracer, here, given)
}

// machineLog prints what the machine keeps about what was done on it.
const machineLog = `journalctl --no-pager --output export; cat /var/lib/torrust-tracker-deployer/audit.log; docker events --since 0 --until "$(date +%s)"`

// controls plants a canary where the test looked, and looks again.
func (w *world) controls(t *testing.T, tracer, here string, c canary.Canary) {
	t.Helper()
	w.traced(t, tracer, here, "exec", "web", "lab", "--", "logger", c.Value)
	for where, data := range map[string][]byte{
		"arguments here":           readFile(t, here),
		"arguments on the machine": []byte(w.on(t, "cat /tmp/trace")),
		"the machine's log":        []byte(w.on(t, "journalctl --sync; "+machineLog)),
		"standard output":          []byte(w.on(t, "cat /etc/conf")),
	} {
		if len(canary.Search(data, c)) == 0 {
			t.Errorf("a canary that was planted in %s is not seen there", where)
		}
	}
}

// made returns the generated secret, which the file on the machine has behind
// the given one.
func (w *world) made(t *testing.T, given string) string {
	t.Helper()
	text := w.on(t, "cat /etc/conf")
	_, rest, _ := strings.Cut(text, given+" ")
	value, _, found := strings.Cut(rest, "\n")
	if !found || len(value) != 32 {
		t.Fatalf("/etc/conf is %q", text)
	}
	return value
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// traced runs the program, and everything around it, with the arguments of all
// that starts noted in the file trace. It has to end with 0.
func (w *world) traced(t *testing.T, tracer, trace string, args ...string) result {
	t.Helper()
	plain := w.command(t.Context(), args...)
	cmd := exec.CommandContext(t.Context(), tracer, append([]string{trace, "--"}, plain.Args...)...)
	cmd.Dir, cmd.Env = plain.Dir, plain.Env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%q: %v\n%s%s", args, err, out.String(), errs.String())
	}
	if !bytes.Contains(readFile(t, trace), []byte(strings.Join(append([]string{w.program}, args...), "\x00"))) {
		t.Fatalf("%q is not in its own trace", args)
	}
	return result{stdout: out.String(), stderr: errs.String()}
}

// traceMachine has the arguments of everything that starts on the machine
// noted in its /tmp/trace: what comes out of the server that we log in to, of
// process 1, and of Docker and containerd, which start containers.
func (w *world) traceMachine(t *testing.T, tracer string) {
	t.Helper()
	file, err := os.Open(tracer)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w.feed(t.Context(), t, file, "cat >/usr/local/bin/exectrace && chmod 755 /usr/local/bin/exectrace")
	w.on(t, `
sshd=$(systemctl show --property MainPID --value ssh)
[ "$sshd" -gt 1 ] || { echo "there is no ssh server: $sshd" >&2; exit 1; }
docker=$(systemctl show --property MainPID --value docker containerd | grep '[1-9]')
systemd-run --quiet --unit exectrace /usr/local/bin/exectrace /tmp/trace 1 "$sshd" $docker
tries=0
for pid in 1 "$sshd" $docker; do
  while grep -q '^TracerPid:[[:space:]]*0$' "/proc/$pid/status"; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { systemctl --no-pager status exectrace >&2; exit 1; }
    sleep 0.1
  done
done`)
}

// feed runs a command line on the machine with a file as its input.
func (w *world) feed(ctx context.Context, t *testing.T, input *os.File, line string) {
	t.Helper()
	cmd := w.command(ctx, "exec", "web", "lab", "--", "sh", "-c", line)
	cmd.Stdin = input
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}
