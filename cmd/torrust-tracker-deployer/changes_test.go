package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A turn is what becomes of a service when one of its parameters changes.
type turn string

const (
	restarts turn = "restarts"
	reloads  turn = "reloads"
	stays    turn = "stays" // the same container goes on as it was
	another  turn = "another one comes and the old one goes"
)

// changing has a row for every parameter of compose_service: what it is before
// and after on a running service, "" = not given, and what follows.
var changing = map[string]struct {
	before, after string
	then          turn
}{
	"name":              {`"changed"`, `"renamed"`, another},
	"host":              {`web`, `db`, another},
	"image":             {`"redis:7.4.1"`, `"redis:7.4.2"`, restarts},
	"healthcheck":       {`healthcheck(["true"])`, `healthcheck(["true"], retries = 3)`, restarts},
	"command":           {``, `["redis-server"]`, restarts},
	"environment":       {`{"A": "1"}`, `{"A": "2"}`, restarts},
	"ports":             {`[publish(80)]`, `[publish(81)]`, restarts},
	"files":             {`{"/etc/a": "1"}`, `{"/etc/a": "2"}`, restarts},
	"files with reload": {`{"/etc/a": "1"}, reload = ["true"]`, `{"/etc/a": "2"}, reload = ["true"]`, reloads},
	"data":              {`{"/data": "one"}`, `{"/data": "two"}`, restarts},
	"networks":          {``, `["back"]`, restarts},
	"sysctls":           {``, `{"net.ipv6.bindv6only": 1}`, restarts},
	"depends_on":        {``, `[other]`, stays}, // it orders starts, and is no part of a container
	"reload":            {`["true"], files = {"/etc/a": "1"}`, `["false"], files = {"/etc/a": "1"}`, stays},
	"memory":            {`"64MiB"`, `"128MiB"`, restarts},
	"cpus":              {`1`, `1.5`, restarts},
	"pids":              {`100`, `200`, restarts},
	"cap_drop":          {``, `["ALL"]`, restarts},
	"cap_add":           {``, `["CHOWN"]`, restarts},
	"read_only":         {`False`, `True`, restarts},
	"user":              {``, `"999:999"`, restarts},
	"stop_grace_period": {``, `"30s"`, restarts},
	"restart":           {`"always"`, `"unless-stopped"`, restarts},
	"web":               {``, `9090`, stays},
	"extra":             {`{"shm_size": "64m"}`, `{"shm_size": "128m"}`, restarts},
}

// TestEveryParameterCanBeChanged changes each parameter of a service that runs:
// the plan names exactly the service that is touched, nothing else gets another
// container or start, and afterwards there is nothing to do.
func TestEveryParameterCanBeChanged(t *testing.T) {
	for _, b := range builtins.Table() {
		for _, p := range b.Parameters {
			if _, ok := changing[p.Name]; b.Name == "compose_service" && !ok {
				t.Errorf("parameter %q has no row in the table", p.Name)
			}
		}
	}
	for name, row := range changing {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			parameter, _, _ := strings.Cut(name, " ")
			file := func(value string) string { return changingFile(parameter, value) }
			s := newSite(t, map[string]string{"sim.star": file(row.before)})
			s.want(0, "deploy", "sim")
			before := s.containers()
			s.write("project/environments/sim.star", file(row.after))
			var plan struct {
				Steps []struct {
					Act               string
					Restarts, Reloads []string
					Downtime          string
				}
			}
			if err := json.Unmarshal([]byte(s.want(0, "plan", "--json", "sim").stdout), &plan); err != nil {
				t.Fatal(err)
			}
			said := map[turn][]string{}
			for _, step := range plan.Steps {
				said[restarts] = append(said[restarts], step.Restarts...)
				said[reloads] = append(said[reloads], step.Reloads...)
				if (len(step.Restarts) > 0) != (step.Act == "update" && step.Downtime != "") {
					t.Errorf("a step restarts %v with downtime %q", step.Restarts, step.Downtime)
				}
			}
			for _, what := range []turn{restarts, reloads} {
				var want []string
				if row.then == what {
					want = []string{"changed"}
				}
				if !slices.Equal(said[what], want) {
					t.Errorf("the plan says %s %v, want %v", what, said[what], want)
				}
			}
			s.want(0, "deploy", "sim", "--yes")
			after := s.containers()
			if after["web/other"] != before["web/other"] || after["db/third"] != before["db/third"] {
				t.Errorf("another service was touched: %v, was %v", after, before)
			}
			same := after["web/changed"] == before["web/changed"]
			if want := row.then == stays || row.then == reloads; same != want {
				t.Errorf("the container is the same: %v, want %v", same, want)
			}
			if again := s.want(0, "deploy", "sim"); !strings.HasPrefix(again.stderr, "0 changed") {
				t.Errorf("a second deployment: %s", again)
			}
		})
	}
}

// changingFile is an environment with a service of which one parameter has a
// value, and others that have nothing to do with it.
func changingFile(parameter, value string) string {
	given := map[string]string{"name": `"changed"`, "host": "web", "image": `"redis:7.4.1"`, "healthcheck": `healthcheck(["true"])`}
	delete(given, parameter)
	var arguments []string
	for _, name := range []string{"name", "host", "image", "healthcheck"} {
		if v, ok := given[name]; ok {
			arguments = append(arguments, name+" = "+v)
		}
	}
	if value != "" {
		arguments = append(arguments, parameter+" = "+value)
	}
	return fmt.Sprintf(`environment(id = "sim-1")
web = vm(name = "web", provider = simulated(dir = "machines/web"))
db = vm(name = "db", provider = simulated(dir = "machines/db"))
ok = healthcheck(["true"])
other = compose_service(name = "other", host = web, image = "redis:7.4.1", healthcheck = ok)
compose_service(name = "third", host = db, image = "redis:7.4.1", healthcheck = ok)
compose_service(%s)
`, strings.Join(arguments, ", "))
}

// containers returns id and start of every container, by machine and service.
func (s *site) containers() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for _, host := range []string{"web", "db"} {
		var state struct {
			Containers []struct{ Container hosts.Container }
		}
		if err := json.Unmarshal([]byte(s.read("project/machines/"+host+"/state.json")), &state); err != nil {
			s.t.Fatal(err)
		}
		for _, c := range state.Containers {
			all[host+"/"+c.Container.Service] = c.Container.ID + " " + c.Container.Started
		}
	}
	return all
}
