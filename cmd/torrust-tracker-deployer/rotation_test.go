package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/internal/canary"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/vault"
)

// rotationStar is an application with a password for a database that knows two
// at a time, and the three steps that move it from one to another.
const rotationStar = `environment(id = "sim-1")
password = secret("DB_PASSWORD", %s)
web = vm(name = "web", provider = simulated(dir = "machines/web"))
app = compose_service(name = "app", host = web, image = "app:1", healthcheck = healthcheck(["true"]),
    files = {"/etc/app.conf": mount(fmt("password = {}\n", password), owner = "1000:1000")})
compose_service(name = "other", host = web, image = "other:1", healthcheck = healthcheck(["true"]))
both = password.old + "\n" + password.new + "\n"
rotation(
    name = "db",
    secret = password,
    apply = task(name = "db-apply", host = web, run = ["db", "apply"], stdin = both, after = [app]),
    verify = task(name = "db-verify", host = web, run = ["db", "verify"], stdin = both),
    finish = task(name = "db-finish", host = web, run = ["db", "finish"], stdin = both),
)
`

// database is the program of the database, which takes the passwords in a file.
const database = `#!/bin/sh -eu
db=../db app=opt/torrust-tracker-deployer/config/app/etc/app.conf
IFS= read -r old
IFS= read -r new
knows() { grep -qxF -e "$1" "$db"; }
echo "$1" >> ../steps
case $1 in
apply)
    knows "$new" && exit 0
    knows "$old" || { echo "access denied"; exit 1; }
    printf '%s\n' "$old" "$new" > "$db.next"
    mv "$db.next" "$db";;
verify)
    grep -qxF -e "password = $new" "$app" && knows "$new" || { echo "the new password does not work"; exit 1; };;
finish)
    knows "$new"
    printf '%s\n' "$new" > "$db.next"
    mv "$db.next" "$db";;
esac
`

const (
	dbFile   = "project/machines/web/db"
	dbSteps  = "project/machines/web/steps"
	appConf  = "project/machines/web/root/opt/torrust-tracker-deployer/config/app/etc/app.conf"
	commands = "project/machines/web/commands.json"
)

// newRotation makes a deployed application whose password has this source.
func newRotation(t *testing.T, source string, env ...string) *site {
	t.Helper()
	s := newSite(t, map[string]string{"sim.star": fmt.Sprintf(rotationStar, source)})
	s.env = env
	s.want(0, "deploy", "sim")
	s.armed()
	return s
}

// armed puts the database onto the machine. It takes what the application has.
func (s *site) armed() {
	s.write(dbFile, s.password()+"\n")
	s.write("project/db.sh", database)
	var lines []string
	for _, step := range []string{"apply", "verify", "finish"} {
		lines = append(lines, fmt.Sprintf(`"db %s": {"exec": ["/bin/sh", "-eu", %q, %q]}`, step, s.path("project/db.sh"), step))
	}
	s.write(commands, "{"+strings.Join(lines, ", ")+"}")
}

// fed runs the program with something to read.
func (s *site) fed(input string, args ...string) result {
	s.t.Helper()
	name := s.path("input")
	if err := os.WriteFile(name, []byte(input), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.start(append([]string{"sh", "-c", `exec "$@" < "$0"`, name, programName}, args...)...)
}

func (s *site) password() string {
	return strings.TrimSuffix(strings.TrimPrefix(s.read(appConf), "password = "), "\n")
}

// TestRotationMovesAServiceToAnotherValue is a rotation of each source that
// nobody disturbs.
func TestRotationMovesAServiceToAnotherValue(t *testing.T) {
	t.Parallel()
	first, second := canary.Value("one"), canary.Value("two")
	for _, c := range []struct {
		name, source string
		env          []string
		input        string
		after        []string // the operator's environment afterwards
	}{
		{"generated", "generate = True", nil, "", nil},
		{"generated and given", "generate = True", nil, second, nil},
		{"environment", `env = "DB"`, []string{"DB=" + first}, second, nil},
		{"command", `command = ["cat", "value"]`, nil, second, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, map[string]string{"sim.star": fmt.Sprintf(rotationStar, c.source)})
			s.env = c.env
			s.write("project/value", first+"\n")
			s.want(0, "deploy", "sim")
			s.armed()
			old := s.password()
			others := containerOf(t, s, "other")
			args := []string{"secrets", "rotate", "DB_PASSWORD", "sim", "-vvv"}
			if c.input != "" {
				args = append(args, "--stdin")
			}
			r := s.fed(c.input+"\n", args...)
			if r.code != 0 {
				t.Fatalf("rotate: %s", r)
			}
			now := s.password()
			if now == old || c.input != "" && now != second {
				t.Errorf("the application has not got the new value")
			}
			if got := s.read(dbFile); got != now+"\n" {
				t.Errorf("the database takes %d passwords", strings.Count(got, "\n"))
			}
			if got := s.read(dbSteps); got != "apply\nverify\nfinish\n" {
				t.Errorf("steps: %q", got)
			}
			if got := containerOf(t, s, "other"); got != others {
				t.Errorf("a service that has nothing to do with it has container %s, had %s", got, others)
			}
			searched := []canary.Canary{{Name: "old", Value: old}, {Name: "new", Value: now}}
			if hits := canary.Search([]byte(r.stdout+r.stderr), searched...); len(hits) > 0 {
				t.Errorf("it is shown: %v\n%s", hits, r)
			}
			found, err := canary.Tree(s.path("home"), searched...) // the journal and the logs
			if err != nil || len(found) > 0 {
				t.Errorf("it is in %v (%v)", canary.Paths(found), err)
			}
			// Whoever still has the old value is told, and nothing is touched.
			if c.source != "generate = True" {
				r := s.run("plan", "sim", "--exit-code")
				if r.code != 2 || !strings.Contains(r.stderr, "still has the value from before the rotation") {
					t.Errorf("with the old value: %s", r)
				}
			}
			s.env = nil
			s.write("project/value", now+"\n")
			s.want(0, "plan", "sim", "--exit-code")
		})
	}
}

// containerOf returns the id of the container of a service.
func containerOf(t *testing.T, s *site, service string) string {
	t.Helper()
	var state struct {
		Containers []struct{ Container hosts.Container }
	}
	if err := json.Unmarshal([]byte(s.read("project/machines/web/state.json")), &state); err != nil {
		t.Fatal(err)
	}
	for _, c := range state.Containers {
		if c.Container.Service == service {
			return c.Container.ID
		}
	}
	t.Fatalf("there is no container of %s", service)
	return ""
}

// TestRotationKilledAtEveryMoment kills a rotation wherever it can be seen from
// outside. At each moment the application has a password that the database
// takes, and the next deploy completes the rotation.
func TestRotationKilledAtEveryMoment(t *testing.T) {
	t.Parallel()
	start := newRotation(t, "generate = True")
	old := start.password()
	var whole atomic.Int64 // those that were killed before they meant anything
	last := everyMoment(t, func(n int) bool {
		s := &site{t: t, dir: t.TempDir()}
		if err := os.CopyFS(s.dir, os.DirFS(start.dir)); err != nil {
			t.Error(err)
			return false
		}
		s.armed()
		r := s.start(killAt, fmt.Sprint(n), programName, "secrets", "rotate", "DB_PASSWORD", "sim")
		if r.code >= exitUndisturbed {
			if r.code != exitUndisturbed {
				t.Errorf("undisturbed: %s", r)
			}
			return false
		}
		where := lastLine(r.stderr)
		works := func() {
			if !slices.Contains(strings.Split(s.read(dbFile), "\n"), s.password()) {
				t.Errorf("%s: the application has a password that is refused", where)
			}
		}
		works()
		intended := rotates(t, s)
		if r := s.run("deploy", "sim"); r.code != 0 {
			t.Errorf("%s: the next deploy: %s", where, r)
		}
		works()
		if r := s.run("plan", "sim", "--exit-code"); r.code != 0 {
			t.Errorf("%s: then there is still something to do: %s", where, r)
		}
		if len(rotates(t, s)) > 0 {
			t.Errorf("%s: the rotation is not over", where)
		}
		switch {
		case s.password() == old && len(intended) == 0:
			whole.Add(1)
		case s.read(dbFile) != s.password()+"\n":
			t.Errorf("%s: the database takes something else than the application has, or more", where)
		case s.password() == old:
			t.Errorf("%s: the old password is back", where)
		}
		return true
	})
	if !t.Failed() && (last < 30 || whole.Load() > 8) {
		t.Errorf("%d moments, %d of them before the intent: not everything was counted", last, whole.Load())
	}
}

// rotates returns the states of the rotations that the age file knows.
func rotates(t *testing.T, s *site) map[string]vault.State {
	t.Helper()
	states, err := opened(t, s).Rotations()
	if err != nil {
		t.Error(err)
	}
	return states
}

func opened(t testing.TB, s *site) *vault.Vault {
	t.Helper()
	v, err := vault.Open(vault.Options{
		AgeFile: s.path("project/environments/sim.age"), KnownHosts: s.path("project/environments/sim.known_hosts"),
		KeyFile: s.path("home/config/torrust-tracker-deployer/age.key"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRotationThatFailsGoesOnOrBack breaks each step in turn: the state stays,
// nothing is lost, and both ways out work.
func TestRotationThatFailsGoesOnOrBack(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"apply", "verify", "finish"} {
		for _, way := range []string{"deploy", "rotate", "back"} {
			t.Run(step+" "+way, func(t *testing.T) {
				t.Parallel()
				s := newRotation(t, "generate = True")
				old := s.password()
				good := s.read("project/db.sh")
				s.write("project/db.sh", strings.Replace(good, "case $1 in", "[ $1 != "+step+" ] || { echo broken; exit 3; }\ncase $1 in", 1))
				r := s.run("secrets", "rotate", "DB_PASSWORD", "sim")
				if r.code != 1 || !strings.Contains(r.stderr, "task:db-"+step) || !strings.Contains(r.stderr, "--back") {
					t.Fatalf("%s is broken: %s", step, r)
				}
				if r := s.run("plan", "sim", "--exit-code"); r.code != 3 || !strings.Contains(r.stderr, "secret DB_PASSWORD is being rotated (") {
					t.Errorf("plan: %s", r)
				}
				if r := s.run("secrets", "set", "DB_PASSWORD", "sim"); r.code != 2 {
					t.Errorf("a value is set in the middle: %s", r)
				}
				s.write("project/db.sh", good)
				args := map[string][]string{
					"deploy": {"deploy", "sim"}, "rotate": {"secrets", "rotate", "DB_PASSWORD", "sim"},
					"back": {"secrets", "rotate", "DB_PASSWORD", "sim", "--back"},
				}[way]
				s.want(0, args...)
				now := s.password()
				if (now == old) != (way == "back") {
					t.Errorf("old value: %v", now == old)
				}
				if got := s.read(dbFile); got != now+"\n" {
					t.Errorf("the database takes %d passwords", strings.Count(got, "\n"))
				}
				s.want(0, "plan", "sim", "--exit-code")
			})
		}
	}
}

// TestRotationWithoutSteps is another value and a restart of what uses it.
func TestRotationWithoutSteps(t *testing.T) {
	t.Parallel()
	text := fmt.Sprintf(rotationStar, "generate = True")
	text = text[:strings.Index(text, "both = ")]
	s := newSite(t, map[string]string{"sim.star": text})
	s.want(0, "deploy", "sim")
	old, app, other := s.password(), containerOf(t, s, "app"), containerOf(t, s, "other")
	s.want(0, "secrets", "rotate", "DB_PASSWORD", "sim")
	if s.password() == old || containerOf(t, s, "app") == app || containerOf(t, s, "other") != other {
		t.Errorf("same value: %v, same app: %v, same other: %v", s.password() == old, containerOf(t, s, "app") == app, containerOf(t, s, "other") == other)
	}
	s.want(0, "plan", "sim", "--exit-code")
	if r := s.run("secrets", "rotate", "DB_PASSWORD", "sim", "--back"); r.code != 2 {
		t.Errorf("back to what nobody knows: %s", r)
	}
	value, err := opened(t, s).Value(t.Context(), environments.Secret{Declared: environments.Declared{Name: "DB_PASSWORD"}, Generate: true}, false)
	if err != nil || value != s.password() {
		t.Errorf("the age file has another value (%v)", err)
	}
}
