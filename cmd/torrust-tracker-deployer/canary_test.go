package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/internal/canary"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// canaryStar puts a secret of each source wherever an environment can: in the
// tracker's tokens, a service's environment and files, a file on the machine
// in clear, in a URL and in three formats, and the environment of tasks, which
// print what they got.
const canaryStar = `load("@torrust//tracker.star", "tracker")
environment(id = "sim-1")
given = secret("GIVEN")
made = secret("MADE", generate = True)
asked = secret("ASKED", command = ["cat", "asked"])
kept = secret("KEPT")
both = {"given": given, "made": made, "asked": asked, "kept": kept}
web = vm(name = "web", provider = simulated(dir = "machines/web"))
trk = tracker(name = "tracker", host = web, admin_token = given, tokens = {"made": made})
compose_service(name = "hello", host = web, image = "hello:1", healthcheck = healthcheck(["true"]),
    environment = {"GIVEN": given, "MADE": made},
    files = {
        "/etc/hello.json": mount(json.encode(both), mode = "0600"),
        "/etc/hello.yaml": mount(yaml.encode(both), mode = "0600"),
    })
config_file(name = "conf", host = web, path = "/etc/conf", mode = "0600",
    content = fmt("# conf\n{} {} {} {}\nhttp://u:{}@h/?t={}\n", given, made, asked, kept, urlquote(given), urlquote(made)))
speak = ["sh", "-c", "printf '%s\\n' \"$GIVEN\" \"$MADE\"; for x in '' a ab; do printf '%s%s' \"$x\" \"$GIVEN\" | base64 -w0; echo; done"]
task(name = "speak", env = {"GIVEN": given, "MADE": made}, run = speak)
task(name = "break", env = {"GIVEN": given, "MADE": made}, run = [speak, ["sh", "-c", "echo \"$GIVEN\" >&2; exit 3"]])
task(name = "feed", stdin = given + "\n" + asked + "\n" + kept + "\n", run = ["sh", "-c", "cat; cat >&2"])
notify = task(name = "notify", host = web, env = {"GIVEN": given}, stdin = asked + kept, run = ["notify"])
rotation(name = "given", secret = given, apply = notify, verify = notify, finish = notify)
checked(kept, never = "[0-9]+", reason = "it would be a number")
`

// holders are the files of the machine that are meant to hold secrets.
var holders = []string{
	"root/etc/conf",
	"root/opt/torrust-tracker-deployer/compose.yaml",
	"root/opt/torrust-tracker-deployer/config/hello/etc/hello.json",
	"root/opt/torrust-tracker-deployer/config/hello/etc/hello.yaml",
	"root/opt/torrust-tracker-deployer/config/tracker/etc/torrust/tracker/tracker.toml",
	"root/var/lib/torrust-tracker-deployer/releases/1/compose.yaml",
	"root/var/lib/torrust-tracker-deployer/releases/1/config/hello/etc/hello.json",
	"root/var/lib/torrust-tracker-deployer/releases/1/config/hello/etc/hello.yaml",
	"root/var/lib/torrust-tracker-deployer/releases/1/config/tracker/etc/torrust/tracker/tracker.toml",
}

// TestNoSecretGetsOut lets everything happen to secrets that happens in the
// life of an environment, and searches everything that the program leaves.
func TestNoSecretGetsOut(t *testing.T) {
	t.Parallel()
	first, second := canary.Canary{Name: "the first GIVEN", Value: canary.Value("one")}, canary.Canary{Name: "the second GIVEN", Value: canary.Value("two")}
	s := newSite(t, map[string]string{"sim.star": canaryStar})
	s.env = []string{"GIVEN=" + first.Value}
	asked, kept := canary.Canary{Name: "ASKED", Value: canary.Value("asked")}, canary.Canary{Name: "KEPT", Value: canary.Value("kept")}
	search := &searcher{site: s, canaries: []canary.Canary{first, second, asked, kept}}
	s.provide(asked.Value, kept.Value)

	search.everyWay(3, "plan", "sim", "--exit-code")
	search.afresh([]string{"web"}, 0, "deploy", "sim")
	search.canaries = append(search.canaries, canary.Canary{Name: "MADE", Value: made(t, s)})
	search.everyWay(0, "plan", "sim")
	search.everyWay(0, "speak", "sim")
	search.everyWay(1, "break", "sim")
	for _, looking := range []string{"status", "show", "graph", "list", "validate"} {
		search.everyWay(0, looking, "sim")
	}
	search.everyWay(0, "feed", "sim")
	search.everyWay(0, "secrets", "list", "sim")
	search.everyWay(0, "secrets", "recipients", "sim")
	search.trees(first, holders...)

	// The machine's own words.
	var said strings.Builder
	for _, f := range slices.Concat(canary.Forms(first.Value), canary.Forms(made(t, s))) {
		if !slices.Contains(unmasked, f.Name) {
			fmt.Fprintf(&said, "%s in between\n", f.Text)
		}
	}
	s.write("project/machines/web/commands.json", fmt.Sprintf(`{"notify": {"output": %s, "exit": 1}}`, encode(said.String())))
	search.everyWay(1, "notify", "sim")
	if err := os.Remove(s.path("project/machines/web/root/etc/conf")); err != nil {
		t.Fatal(err)
	}
	s.write("project/machines/web/faults.json", fmt.Sprintf(`{"write /etc/conf": %s}`, encode("it does not take "+said.String())))
	search.everyWay(1, "deploy", "sim")
	for _, planted := range []string{"commands.json", "faults.json", "calls.log"} { // of the machine, not of ours
		if err := os.Remove(s.path("project/machines/web/" + planted)); err != nil {
			t.Fatal(err)
		}
	}
	search.everyWay(0, "deploy", "sim")

	// Another value: what is on the machine is a secret still.
	s.env = []string{"GIVEN=" + second.Value}
	search.everyWay(3, "plan", "sim", "--exit-code")
	search.afresh([]string{"web/root/etc/conf", "web/root/opt/torrust-tracker-deployer/compose.yaml"}, 0, "deploy", "sim")
	byHand := fmt.Sprintf("by hand\n%s\n  \"was\": %s\n{ \"given\": %s }\n%s = 1\n", second.Value, encode(first.Value), encode(second.Value), first.Value)
	for _, holder := range holders[:5] {
		s.write("project/machines/web/"+holder, byHand+s.read("project/machines/web/"+holder))
	}
	search.everyWay(3, "plan", "sim", "--exit-code")
	search.everyWay(0, "deploy", "sim")

	// A file that has no secret any more still has one on the machine.
	s.write("project/environments/sim.star", regexp.MustCompile(`(?s)content = fmt.*?\)\)\)\n`).ReplaceAllString(canaryStar, `content = "# conf\nplain\n")`+"\n"))
	search.everyWay(3, "plan", "sim", "--exit-code")
	s.write("project/environments/sim.star", canaryStar)
	search.everyWay(0, "plan", "sim", "--exit-code")
	search.trees(second, strings.Split(strings.ReplaceAll(strings.Join(holders, " "), "releases/1", "releases/2"), " ")...)
	search.everyWay(0, "destroy", "sim", "--yes")
	search.trees(second)
}

// provide gives the two secrets a value that no environment variable has: what
// a command prints, and what `secrets set` keeps.
func (s *site) provide(asked, kept string) {
	s.t.Helper()
	s.write("project/asked", asked+"\n")
	if err := opened(s.t, s).Keep(s.t.Context(), map[string]string{"KEPT": kept}, true); err != nil {
		s.t.Fatal(err)
	}
}

// unmasked are the encodings that are not taken out of what a machine says:
// programs that answer in them do not print configuration.
var unmasked = []string{"hex", "upper-case hex", "base32", "percent", "lower-case percent", "percent everywhere", "ASCII JSON", "ASCII Go", "a shell word", "a YAML word"}

// made returns the generated secret.
func made(t *testing.T, s *site) string {
	t.Helper()
	v, err := vault.Open(vault.Options{
		AgeFile: s.path("project/environments/sim.age"), KnownHosts: s.path("project/environments/sim.known_hosts"),
		KeyFile: s.path("home/config/torrust-tracker-deployer/age.key"),
	})
	if err != nil {
		t.Fatal(err)
	}
	value, err := v.Value(context.Background(), environments.Secret{Declared: environments.Declared{Name: "MADE"}, Generate: true, Length: 32}, false)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// A searcher searches what runs of the program leave.
type searcher struct {
	site     *site
	canaries []canary.Canary
	logs     int
}

// ways are the forms of output: flags, and where text ends up in them.
var ways = [][]string{{"-vvv"}, {"--json"}, {"-vvv", "--log-format", "human"}, {"--json", "--log-format", "json"}}

// everyWay runs the program with every form of output and searches all that
// it said.
func (w *searcher) everyWay(code int, args ...string) {
	w.site.t.Helper()
	w.afresh(nil, code, args...)
}

// afresh is everyWay with something gone from the machine before each run, so
// that there is something to do.
func (w *searcher) afresh(gone []string, code int, args ...string) {
	w.site.t.Helper()
	for _, way := range ways {
		for _, name := range gone {
			if err := os.RemoveAll(w.site.path("project/machines/" + name)); err != nil {
				w.site.t.Fatal(err)
			}
		}
		argv := slices.Concat(args, way)
		log := ""
		if slices.Contains(way, "--log-format") {
			w.logs++
			log = w.site.path("home/log" + strconv.Itoa(w.logs))
			argv = append(argv, "--log-file", log)
		}
		r := w.site.want(code, argv...)
		w.clean(fmt.Sprintf("%q on standard output", argv), r.stdout)
		w.clean(fmt.Sprintf("%q on standard error", argv), r.stderr)
		if log != "" {
			w.clean(fmt.Sprintf("the log of %q", argv), w.site.read(strings.TrimPrefix(log, w.site.dir+"/")))
		}
	}
}

func (w *searcher) clean(where, text string) {
	w.site.t.Helper()
	for _, hit := range canary.Search([]byte(text), w.canaries...) {
		w.site.t.Errorf("%s: %s: %.300q", where, hit, text[max(0, hit.At-80):])
	}
}

// trees searches the home and the project: the machine's files that are given
// hold the canary, all others none.
func (w *searcher) trees(present canary.Canary, files ...string) {
	w.site.t.Helper()
	found, err := canary.Tree(w.site.dir, w.canaries...)
	if err != nil {
		w.site.t.Fatal(err)
	}
	delete(found, "project/asked") // where a command has it from
	for _, file := range files {
		file = "project/machines/web/" + file
		if !slices.ContainsFunc(found[file], func(h canary.Hit) bool { return h.Canary == present.Name }) {
			w.site.t.Errorf("%s does not hold %s: the search would not see it elsewhere", file, present.Name)
		}
		delete(found, file)
	}
	// The release before still has the value before.
	maps.DeleteFunc(found, func(path string, _ []canary.Hit) bool {
		return len(files) > 0 && strings.HasPrefix(path, "project/machines/web/root/var/lib/torrust-tracker-deployer/releases/1/")
	})
	for _, path := range canary.Paths(found) {
		w.site.t.Errorf("%s holds %v", path, found[path])
	}
}

// TestNoSecretIsAnArgument watches every program that a deployment and the
// tasks of an environment start.
func TestNoSecretIsAnArgument(t *testing.T) {
	t.Parallel()
	given := canary.Canary{Name: "GIVEN", Value: canary.Value("one")}
	asked, kept := canary.Canary{Name: "ASKED", Value: canary.Value("asked")}, canary.Canary{Name: "KEPT", Value: canary.Value("kept")}
	s := newSite(t, map[string]string{"sim.star": canaryStar, "planted.star": plantedStar(given.Value)})
	s.env = []string{"GIVEN=" + given.Value}
	s.provide(asked.Value, kept.Value)
	for _, args := range [][]string{{"deploy", "sim", "-vvv"}, {"speak", "feed", "notify", "sim"}, {"secrets", "list", "sim"}, {"destroy", "sim", "--yes"}} {
		trace := execs(t, s, args...)
		for _, hit := range canary.Search(trace, given, asked, kept) {
			t.Errorf("%v: an argument holds %s: %q", args, hit, trace[max(0, hit.At-200):])
		}
	}
	if trace := execs(t, s, "speak", "planted"); len(canary.Search(trace, given)) == 0 {
		t.Errorf("a secret among the arguments is not seen: %q", trace)
	}
}

// execs runs the program and returns the arguments of all that it started.
func execs(t *testing.T, s *site, args ...string) []byte {
	t.Helper()
	file := s.path("trace")
	if r := s.start(append([]string{execTrace, file, programName}, args...)...); r.code != 0 {
		t.Fatalf("%v: %s", args, r)
	}
	trace, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(trace, []byte(strings.Join(args, "\x00"))) {
		t.Fatalf("the program itself is not in the trace: %q", trace)
	}
	return trace
}

// plantedStar is an environment that does what no environment should: it has
// a value that nobody said is a secret.
func plantedStar(value string) string {
	return fmt.Sprintf(`environment(id = "planted-1")
value = %s
web = vm(name = "web", provider = simulated(dir = "machines/planted"))
config_file(name = "conf", host = web, path = "/etc/conf", content = value)
task(name = "speak", run = ["sh", "-c", "printf '%%s\\n' \"$0\"; printf 'a%%s' \"$0\" | base64 -w0", value])
`, strconv.Quote(value))
}

// TestPlantedLeaksAreSeen is the control: where a value is not known to be a
// secret, everything that the tests above search holds it.
func TestPlantedLeaksAreSeen(t *testing.T) {
	t.Parallel()
	planted := canary.Canary{Name: "planted", Value: canary.Value("one")}
	s := newSite(t, map[string]string{"sim.star": plantedStar(planted.Value)})
	human, json := s.path("home/human"), s.path("home/json")
	for _, c := range []struct {
		name string
		text func() string
	}{
		{"a plan", func() string { return s.want(0, "plan", "sim").stdout }},
		{"a plan as JSON", func() string { return s.want(0, "plan", "sim", "--json").stdout }},
		{"standard error", func() string { return s.want(0, "speak", "sim", "--log-file", human).stderr }},
		{"events", func() string {
			return s.want(0, "speak", "sim", "--json", "--log-file", json, "--log-format", "json").stdout
		}},
		{"a log for people", func() string { return s.read("home/human") }},
		{"a log as JSON", func() string { return s.read("home/json") }},
	} {
		if text := c.text(); len(canary.Search([]byte(text), planted)) < 1 {
			t.Errorf("%s does not show it: %s", c.name, text)
		}
	}
	s.want(0, "deploy", "sim")
	journal := "home/state/torrust-tracker-deployer/planted-1/journal"
	s.write(journal, s.read(journal)+planted.Value)
	found, err := canary.Tree(s.dir, planted)
	if err != nil {
		t.Fatal(err)
	}
	kept := "home/state/torrust-tracker-deployer/planted-1/logs/TIME-speak.log" // of two runs
	want := []string{"home/human", "home/json", journal, kept, kept, "project/environments/sim.star", "project/machines/planted/root/etc/conf"}
	got := canary.Paths(found)
	for i, path := range got {
		got[i] = logTimes.ReplaceAllString(path, "TIME")
	}
	if !slices.Equal(got, want) {
		t.Errorf("found in %v, want %v", got, want)
	}
	if name := filepath.Base(journal); len(found[journal]) == 0 {
		t.Errorf("%s: not seen", name)
	}
}
