package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/internal/lab"
)

// deploy runs `deploy lab` with more arguments; any exit code but zero ends
// the test.
func (w *world) deploy(t *testing.T, args ...string) result {
	t.Helper()
	return w.must(t, append([]string{"deploy", "lab", "--yes"}, args...)...)
}

// must runs the program; any exit code but zero ends the test.
func (w *world) must(t *testing.T, args ...string) result {
	t.Helper()
	r := w.run(t.Context(), args...)
	if r.code != 0 {
		t.Fatalf("%q: exit %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r
}

// on runs a command line on the machine as root and returns its output.
func (w *world) on(t *testing.T, line string) string {
	t.Helper()
	client, err := w.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var out, errs bytes.Buffer
	session.Stdout, session.Stderr = &out, &errs
	if err := session.Run("sudo sh -c '" + strings.ReplaceAll(line, "'", `'\''`) + "'"); err != nil {
		t.Fatalf("%s: %v\n%s%s", line, err, out.String(), errs.String())
	}
	return out.String()
}

// connect logs into the machine once until it is switched off: a login takes
// an emulated processor seconds.
func (w *world) connect(ctx context.Context) (*ssh.Client, error) {
	if w.guest != nil {
		return w.guest, nil
	}
	target, err := w.target()
	if err != nil {
		return nil, err
	}
	guest := lab.Guest{
		Address: target.Address, User: target.User, Signer: target.Signers[0], HostKey: target.HostKeys[0],
		Dial: w.network.DialContext,
	}
	w.guest, err = guest.Connect(ctx)
	return w.guest, err
}

// change makes text the environment file.
func (w *world) change(t *testing.T, text string) {
	t.Helper()
	if err := w.write(text); err != nil {
		t.Fatal(err)
	}
}

// everything lists what is managed on the machine, with times, inodes, ids and
// restart counts: two equal listings have nothing touched between them.
const everything = `
find /opt/torrust-tracker-deployer /var/lib/torrust-tracker-deployer /etc/torrust-tracker-deployer \
    /etc/docker /etc/apt/apt.conf.d /etc/apt/torrust-tracker-deployer.list /etc/sysctl.d /etc/modules-load.d /etc/systemd/system \
    -path '*/data/*' -prune -o -printf '%p %y %m %u %g %s %T@ %C@ %i\n' | sort
docker ps -aq --no-trunc | sort | xargs -r docker inspect --format '{{.Name}} {{.Id}} {{.RestartCount}} {{.State.StartedAt}} {{.Image}}'
nft -s list table inet torrust_guard
docker image ls --no-trunc -q | sort
`

// result of planning: the signs and nodes of a plan.
func (w *world) plan(t *testing.T) []string {
	t.Helper()
	r := w.must(t, "plan", "lab", "--json")
	var plan struct {
		Steps []struct{ Node, Act string } `json:"steps"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &plan); err != nil {
		t.Fatalf("plan --json: %v\n%s", err, r.stdout)
	}
	var changes []string
	for _, s := range plan.Steps {
		if s.Act != "none" && s.Act != "run" {
			changes = append(changes, s.Act+" "+s.Node)
		}
	}
	slices.Sort(changes)
	return changes
}

// wantPlan fails the test where the plan is not these changes.
func (w *world) wantPlan(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := w.plan(t); !slices.Equal(got, want) {
		t.Fatalf("plan:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// An event of --json.
type event struct {
	Event string  `json:"event"`
	Node  string  `json:"node"`
	Host  string  `json:"host"`
	Verb  string  `json:"verb"`
	Act   string  `json:"act"`
	At    string  `json:"at"`
	Took  float64 `json:"took"`
	Error string  `json:"error"`
}

func events(t *testing.T, stdout string) []event {
	t.Helper()
	var list []event
	for line := range strings.Lines(stdout) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, e)
	}
	return list
}

// changed returns the nodes that a run did something to.
func changed(list []event) []string {
	var nodes []string
	for _, e := range list {
		if e.Event == "node-done" && e.Act != "none" && e.Act != "run" {
			nodes = append(nodes, e.Node)
		}
	}
	slices.Sort(nodes)
	return nodes
}

func (w *world) container(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(w.on(t, "docker inspect --format '{{.Id}} {{.State.Status}} {{.RestartCount}}' lab-tracker-1"))
}
