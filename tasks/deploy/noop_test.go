package deploy_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/deploy"
)

// copies is an environment of n tasks that copy a file, and a target for all.
func copies(b *testing.B, root string, n int) *environments.Environment {
	b.Helper()
	for _, dir := range []string{"in", "out"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	env := &environments.Environment{Name: "e", ID: "e-1"}
	all := environments.Group{Declared: environments.Declared{Name: "all"}}
	for i := range n {
		in, out := fmt.Sprintf("in/%d.txt", i), fmt.Sprintf("out/%d.txt", i)
		if err := os.WriteFile(filepath.Join(root, in), []byte(in), 0o644); err != nil {
			b.Fatal(err)
		}
		t := environments.Task{
			Declared: environments.Declared{Name: fmt.Sprint("t", i)}, Cache: true, Timeout: int64(time.Minute),
			Run:    [][]environments.Value{{environments.Text("cp"), environments.Text(in), environments.Text(out)}},
			Inputs: []environments.Input{{Path: in}}, Outputs: []string{out},
		}
		env.Tasks = append(env.Tasks, t)
		all.Of = append(all.Of, "task:"+t.Name)
	}
	env.Groups = append(env.Groups, all)
	return env
}

// BenchmarkNothingToDo is graph, plan, check and execute of 10,000 tasks with
// one input and one output each, none of which has to run.
func BenchmarkNothingToDo(b *testing.B) {
	root, state := b.TempDir(), b.TempDir()
	env := copies(b, root, 10_000)
	round := func() tasks.Summary {
		journal, records, err := tasks.OpenJournal(filepath.Join(state, "journal"))
		if err != nil {
			b.Fatal(err)
		}
		defer journal.Close()
		files, err := cache.Open(root, os.Getenv("PATH"))
		if err != nil {
			b.Fatal(err)
		}
		defer files.Close()
		g, err := deploy.Graph(env, deploy.Options{Run: func(_ context.Context, argv, _ []string, _ []byte, _ io.Writer) error {
			data, err := os.ReadFile(filepath.Join(root, argv[1]))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(root, argv[2]), data, 0o644)
		}})
		if err != nil {
			b.Fatal(err)
		}
		e := &tasks.Engine{Name: env.Name, ID: env.ID, Journal: journal, Records: records, Files: files}
		s, err := g.Select([]string{"all"}, false)
		if err != nil {
			b.Fatal(err)
		}
		plan, err := e.Plan(b.Context(), g, s)
		if err != nil {
			b.Fatal(err)
		}
		defer plan.Close()
		summary, err := e.Execute(b.Context(), plan)
		if err != nil {
			b.Fatal(err)
		}
		return summary
	}
	if s := round(); s.Ran != len(env.Tasks) {
		b.Fatalf("the first run ran %d", s.Ran)
	}
	// What is written a moment ago is read again, once.
	for end := time.Now().Add(cache.Settling + time.Second/10); time.Now().Before(end); {
		time.Sleep(time.Until(end))
	}
	round()
	for b.Loop() {
		if s := round(); s.Ran != 0 || s.Unchanged != len(env.Tasks)+1 {
			b.Fatalf("%+v", s)
		}
	}
}
