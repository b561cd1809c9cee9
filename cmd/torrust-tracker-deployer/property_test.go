package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/tasks"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random environments; 0 = another one in every run")

// randomCases is how many environments each property is tried on, a fifth of
// that with -short, and randomTasks how many local tasks one has at most.
const (
	randomCases = 10
	randomTasks = 2
)

// forRandom runs a test on random environments whose machines are of the given
// kinds and that have at most so many tasks, several at a time. Each has a seed
// of its own, which repeats it alone as the first.
func forRandom(t *testing.T, cases int, kinds []string, most int, test func(t *testing.T, random *rand.Rand, s *source)) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	if testing.Short() {
		cases /= 5
	}
	for i := range cases {
		own := seed + uint64(i)
		t.Run(fmt.Sprint(own), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(own, 0))
			s := newSource(random, kinds, most)
			defer func() {
				if t.Failed() {
					t.Logf("go test -run '%s' -seed %d\n%s", strings.Split(t.Name(), "/")[0], own, s.text(fixed()))
				}
			}()
			test(t, random, s)
		})
	}
}

// fixed is an order of dicts that is the same every time.
func fixed() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

// newRandomSite makes a project with a random environment.
func newRandomSite(t *testing.T, s *source) *site {
	x := newSite(t, map[string]string{"sim.star": s.text(fixed())})
	x.write("project/files/a.txt", "from the project\n")
	return x
}

// rehearse runs the program with every machine simulated.
func (s *site) rehearse(code int, args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	r := result{code: run(context.Background(), args, streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: s.getenv, Dir: s.path("project"),
		Rehearsal: &rehearsal{directory: s.path("project/machines"), called: func(string, string) {}},
	})}
	r.stdout, r.stderr = out.String(), errs.String()
	if r.code != code {
		s.t.Fatalf("%s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

func everyKind() []string { return []string{"simulated", "qemu", "existing"} }

// TestRandomPlan plans random environments again and again: every plan has the
// same bytes, whatever the order of a map is, before a deployment, after a
// part of one, and when the file was edited since.
func TestRandomPlan(t *testing.T) {
	forRandom(t, randomCases, everyKind(), randomTasks, func(t *testing.T, _ *rand.Rand, s *source) {
		x := newRandomSite(t, s)
		same := func(when string) {
			first := x.rehearse(0, "plan", "sim", "--json").stdout
			for range 4 {
				if again := x.rehearse(0, "plan", "sim", "--json").stdout; again != first {
					t.Fatalf("%s, another run makes another plan:\n%s", when, difference(first, again))
				}
			}
			for _, node := range s.deploy {
				if !strings.Contains(first, `"`+node+`"`) {
					t.Errorf("%s, the plan has no %s", when, node)
				}
			}
		}
		same("at first")
		x.rehearse(0, "configure", "sim", "--yes")
		same("configured")
		x.rehearse(0, "deploy", "sim", "--yes")
		edit := strings.NewReplacer(`"text `, `"other text `, `healthcheck(["true"])`, `healthcheck(["false"])`, "tcp(", "udp(")
		x.write("project/environments/sim.star", edit.Replace(s.text(fixed())))
		same("deployed and edited")
	})
}

// TestRandomDeploy deploys random environments: then there is nothing to do,
// also for a file whose dicts are in another order, and a second deployment
// gives the machines nothing.
func TestRandomDeploy(t *testing.T) {
	forRandom(t, randomCases, everyKind(), randomTasks, func(t *testing.T, random *rand.Rand, s *source) {
		x := newRandomSite(t, s)
		x.rehearse(0, "deploy", "sim", "--yes")
		x.rehearse(0, "plan", "sim", "--exit-code")
		was := machines(t, x)
		x.write("project/environments/sim.star", s.text(random))
		x.rehearse(0, "plan", "sim", "--exit-code")
		x.rehearse(0, "deploy", "sim")
		if now := machines(t, x); now != was {
			t.Errorf("the second deployment changed something:\n%s", difference(was, now))
		}
	})
}

// TestRandomDestroy destroys what random environments are deployed to: made
// machines are gone, and those that were there before hold what they held.
func TestRandomDestroy(t *testing.T) {
	forRandom(t, randomCases, everyKind(), randomTasks, func(t *testing.T, random *rand.Rand, s *source) {
		x := newRandomSite(t, s)
		x.write("project/machines/.keep", "")
		x.rehearse(0, "plan", "sim") // the machines that are there are there from now on
		for _, dir := range x.there() {
			x.write(dir+"/root/etc/motd", "of somebody else\n")
			x.write(dir+"/root/srv/data/file", "of somebody else\n")
		}
		was := x.world(t)
		if random.IntN(2) == 0 {
			x.rehearse(0, s.stage(), "sim", "--yes")
		} else {
			x.rehearse(0, "deploy", "sim", "--yes")
		}
		x.rehearse(0, "destroy", "sim", "--yes")
		if now := x.world(t); now != was {
			t.Errorf("the world is another one:\n%s", difference(was, now))
		}
		if _, err := os.Stat(x.path("home/state/torrust-tracker-deployer/random-1")); err == nil {
			t.Errorf("the records are still there")
		}
		x.rehearse(3, "plan", "sim", "--exit-code")
	})
}

// stage is a part of a deployment.
func (s *source) stage() string { return s.one([]string{"provision", "configure", "release", "run"}) }

// there returns the directories of the machines that are there.
func (s *site) there() []string {
	found, err := filepath.Glob(s.path("project/machines/sim/*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range found {
		found[i] = strings.TrimPrefix(found[i], s.dir+"/")
	}
	return found
}

// world describes the files of all machines. Directories that are left empty
// are those of any machine. Settings of docker stay, where docker stays.
func (s *site) world(t *testing.T) string {
	var b strings.Builder
	for line := range strings.Lines(machines(t, s)) {
		file := strings.Contains(line, " -rw") || strings.Contains(line, " | ")
		if file && strings.Contains(line, "/root/") && !strings.Contains(line, "/etc/docker/daemon.json") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestRandomKill kills the program with SIGKILL while it deploys random
// environments, at random moments, and again while it goes on. What is then
// deployed undisturbed makes the machines that were made without, and leaves
// nothing to do. Local tasks die with the program.
func TestRandomKill(t *testing.T) {
	var kills, tries atomic.Int64
	t.Cleanup(func() {
		if t.Logf("killed %d times", kills.Load()); kills.Load() < tries.Load()/2 {
			t.Errorf("of %d deployments only %d were killed", tries.Load(), kills.Load())
		}
	})
	forRandom(t, randomCases/2, []string{"simulated"}, randomTasks, func(t *testing.T, random *rand.Rand, s *source) {
		undisturbed := newRandomSite(t, s)
		undisturbed.want(0, "deploy", "sim", "--yes")
		want := machines(t, undisturbed)

		x := newRandomSite(t, s)
		for _, name := range []string{"project/environments/sim.age", "home/config/torrust-tracker-deployer/age.key"} {
			if _, err := os.Stat(undisturbed.path(name)); err == nil {
				x.write(name, undisturbed.read(name))
			}
		}
		moments := 4 * len(s.deploy)
		for range 2 {
			tries.Add(1)
			r := x.start(killAt, fmt.Sprint(1+random.IntN(moments)), programName, "deploy", "sim", "--yes")
			switch r.code {
			case 0:
				kills.Add(1)
			case exitUndisturbed:
			default:
				t.Fatalf("a killed deployment: %s", r)
			}
		}
		x.want(0, "deploy", "sim", "--yes")
		x.want(0, "plan", "sim", "--exit-code")
		if got := machines(t, x); got != want {
			t.Errorf("killed, the machines are others:\n%s", difference(want, got))
		}
		records, err := tasks.ReadRecords(x.path("home/state/torrust-tracker-deployer/random-1/journal"))
		if err != nil || len(records.Pending) > 0 {
			t.Errorf("the records say that %v are half-done (%v)", records.Pending, err)
		}
	})
}
