package deploy_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/deploy"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/hosts/simulated"
)

// fixed are secrets that are there from the beginning.
type fixed map[string]string

func (f fixed) Value(_ context.Context, name string, _ bool) (string, error) {
	if v, ok := f[name]; ok {
		return v, nil
	}
	return "", &tasks.Unknown{What: "secret " + name, When: "when it is generated"}
}

func (f fixed) MAC(data []byte, _ bool) (string, error) {
	h := hmac.New(sha256.New, []byte("key"))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// always is a provider of machines that run.
type always struct{ born *bool }

func (p always) Status(context.Context, environments.Host) (tasks.Status, error) {
	if !*p.born {
		return tasks.Status{State: tasks.StateAbsent}, nil
	}
	return tasks.Status{State: tasks.StateRunning, Outputs: map[string]string{"ipv4": "192.0.2.1"}}, nil
}

func (p always) Ensure(ctx context.Context, h environments.Host, _ func(string)) (tasks.Status, error) {
	*p.born = true
	return p.Status(ctx, h)
}
func (always) Stop(context.Context, environments.Host) error           { return nil }
func (p always) Remove(context.Context, environments.Host, bool) error { *p.born = false; return nil }

type bench struct {
	t      *testing.T
	dir    string
	born   bool
	events []tasks.Event
}

func (b *bench) engine(env *environments.Environment) *tasks.Engine {
	b.t.Helper()
	path := filepath.Join(b.dir, "journal")
	journal, records, err := tasks.OpenJournal(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = journal.Close() })
	return &tasks.Engine{
		Name: env.Name, ID: env.ID,
		Provider: func(string) (tasks.Provider, error) { return always{&b.born}, nil },
		Connect: func(_ context.Context, h environments.Host, _ tasks.Status, _ func(string)) (hosts.Machine, error) {
			return simulated.Open(filepath.Join(b.dir, h.Name), h.Name, 0)
		},
		Secrets: fixed{"TOKEN": "s3cret-token"},
		Journal: journal, Records: records,
		Observe: func(e tasks.Event) { b.events = append(b.events, e) },
	}
}

func (b *bench) plan(env *environments.Environment) *tasks.Plan {
	b.t.Helper()
	path := filepath.Join(b.dir, "journal")
	records, err := tasks.ReadRecords(path)
	if err != nil {
		b.t.Fatal(err)
	}
	e := b.engine(env)
	defer e.Journal.Close()
	e.Records = records
	p, err := e.Plan(context.Background(), b.graph(env), b.selection(env))
	if err != nil {
		b.t.Fatal(err)
	}
	p.Close()
	return p
}

func (b *bench) graph(env *environments.Environment) *tasks.Graph {
	b.t.Helper()
	g, err := deploy.Graph(env, deploy.Options{Probe: func(environments.Probe) tasks.Action { return nil }})
	if err != nil {
		b.t.Fatal(err)
	}
	return g
}

func (b *bench) selection(env *environments.Environment) tasks.Selection {
	s, err := b.graph(env).Select([]string{"deploy"}, false)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) deploy(env *environments.Environment) tasks.Summary {
	b.t.Helper()
	b.events = nil
	e := b.engine(env)
	defer e.Journal.Close()
	p, err := e.Plan(context.Background(), b.graph(env), b.selection(env))
	if err != nil {
		b.t.Fatal(err)
	}
	defer p.Close()
	s, err := e.Execute(context.Background(), p)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// changes returns "sign node" for every change of a plan.
func changes(p *tasks.Plan) string {
	var lines []string
	for _, s := range p.Changes() {
		lines = append(lines, s.Act.Sign()+" "+s.Node)
	}
	return strings.Join(lines, "\n")
}

func sample() *environments.Environment {
	config := environments.Join(environments.Text("token = \""),
		environments.Value{Kind: environments.Hidden, Name: "TOKEN"}, environments.Text("\"\nlevel = 1\n"))
	address := environments.Join(environments.Text("ip "),
		environments.Value{Kind: environments.Ref, Node: "vm:web", Attribute: "ipv4"}, environments.Text("\n"))
	return &environments.Environment{
		Name: "demo", ID: "demo-1234", File: "environments/demo.star",
		Hosts: []environments.Host{{
			Declared: environments.Declared{Name: "web"}, User: "root", SSHPort: 22,
			Provider: environments.Provider{Simulated: &environments.Simulated{Directory: "x"}},
		}},
		Services: []environments.Service{{
			Declared: environments.Declared{Name: "tracker"}, Host: "web", Image: "torrust/tracker:3.0.0",
			Files:   []environments.Mount{{Path: "/etc/tracker.toml", Content: &config, Owner: "1000"}},
			Data:    []environments.DataMount{{Path: "/var/lib", Name: "tracker", Owner: "1000"}},
			Ports:   []environments.Publish{{Port: 6969, Proto: "udp"}},
			Health:  environments.Health{Command: []string{"true"}, Interval: int64(time.Second), Timeout: int64(time.Second), Retries: 3},
			Restart: "unless-stopped",
		}},
		Files: []environments.File{{
			Declared: environments.Declared{Name: "motd"}, Host: "web", Path: "/etc/motd",
			Content: &address, Mode: "0644", Owner: "root", Group: "root",
		}},
		Firewalls: []environments.Firewall{{
			Declared: environments.Declared{Name: "edge"}, Host: "web",
			Allow: []environments.Rule{{Proto: "udp", Port: 6969}, {Proto: "tcp", Port: 80, Sources: []string{"192.0.2.0/24", "2001:db8::/32"}}},
		}},
	}
}

func TestDeployTwiceChangesNothing(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir()}
	env := sample()
	first := changes(b.plan(env))
	want := "+ vm:web\n"
	if !strings.HasPrefix(first, want) || strings.Contains(first, "~") {
		t.Errorf("first plan:\n%s", first)
	}
	if s := b.deploy(env); s.Changed == 0 || s.Failed != 0 {
		t.Fatalf("first deploy: %+v", s)
	}
	if got := changes(b.plan(env)); got != "" {
		t.Errorf("plan after deploy:\n%s", got)
	}
	s := b.deploy(env)
	if s.Changed != 0 || s.Failed != 0 {
		t.Errorf("second deploy: %+v", s)
	}
	batches := 0
	for _, e := range b.events {
		if d, ok := e.(tasks.BatchDone); ok {
			batches++
			if d.Verb != "observe" {
				t.Errorf("second deploy wrote: %+v", d)
			}
		}
	}
	if batches != 1 {
		t.Errorf("second deploy took %d batches, want 1", batches)
	}
}

func TestPlanIsStableAndHoldsNoSecret(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir()}
	env := sample()
	var plans []string
	for range 5 {
		text, err := json.Marshal(b.plan(env))
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, string(text))
	}
	if len(slices.Compact(plans)) != 1 {
		t.Error("the same plan has different bytes")
	}
	b.deploy(env)
	changed := env.Services[0].Files[0].Content
	*changed = environments.Join(environments.Text("token = \""),
		environments.Value{Kind: environments.Hidden, Name: "TOKEN"}, environments.Text("\"\nlevel = 2\n"))
	text, err := json.Marshal(b.plan(env))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "s3cret") {
		t.Error("the plan holds a secret")
	}
	if !strings.Contains(string(text), `-level = 1\n+level = 2\n`) || !strings.Contains(string(text), "(secret TOKEN)") {
		t.Errorf("the plan lacks the masked difference:\n%s", text)
	}
}

func TestEditTouchesOnlyItsService(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir()}
	env := sample()
	b.deploy(env)
	v := environments.Text("level = 3\n")
	env.Services[0].Files[0].Content = &v
	want := "~ config:tracker\n~ compose:web\n+ release:web\n~ service:tracker"
	got := strings.Split(changes(b.plan(env)), "\n")
	slices.Sort(got)
	sorted := strings.Split(want, "\n")
	slices.Sort(sorted)
	if !slices.Equal(got, sorted) {
		t.Errorf("plan:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
	}
	b.deploy(env)
	if got := changes(b.plan(env)); got != "" {
		t.Errorf("plan after deploy:\n%s", got)
	}
}

func TestRemovedServiceGoesAndItsDataStays(t *testing.T) {
	b := &bench{t: t, dir: t.TempDir()}
	env := sample()
	b.deploy(env)
	env.Services = nil
	got := changes(b.plan(env))
	for _, want := range []string{"- service:tracker", "- config:tracker"} {
		if !strings.Contains(got, want) {
			t.Errorf("plan lacks %q:\n%s", want, got)
		}
	}
	if s := b.deploy(env); s.Failed != 0 {
		t.Fatalf("%+v", s)
	}
	if got := changes(b.plan(env)); got != "" {
		t.Errorf("plan after deploy:\n%s", got)
	}
	m, err := simulated.Open(filepath.Join(b.dir, "web"), "web", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	data := hosts.FileQuery{Path: hosts.StackDirectory + "/data/tracker"}
	facts, err := m.Observe(context.Background(), []hosts.Query{data, hosts.ComposeQuery{Project: "demo"}})
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := hosts.Find[*hosts.FileFact](facts, data); f.Type != "directory" {
		t.Error("the data of a removed service is gone")
	}
	if f, _ := hosts.Find[*hosts.ComposeFact](facts, hosts.ComposeQuery{Project: "demo"}); len(f.Containers) != 0 {
		t.Errorf("containers left: %+v", f.Containers)
	}
}
