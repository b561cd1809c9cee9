package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A bench is a run of all measurements, one method per case.
type bench struct {
	*sandbox
	program string // to be measured
	peers   string // bin directory of the other tools
	task    string // go-task

	figures, reached int
}

// project makes a project with one environment file, or writes the file anew.
func (b *bench) project(name, text string) (dir string, err error) {
	dir = filepath.Join(b.work, "projects", name)
	if err := os.MkdirAll(filepath.Join(dir, "environments"), 0o755); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "environments", name+".star"), []byte(text), 0o600)
}

func (b *bench) run(dir string, args ...string) command {
	return command{argv: append([]string{b.program}, args...), dir: dir}
}

// startup measures commands that contact nothing, beside an empty shell.
func (b *bench) startup(ctx context.Context) error {
	dir, err := b.project("small", `web = vm(name = "web", provider = simulated(dir = "web"))`+"\n")
	if err != nil {
		return err
	}
	t, err := medians(ctx, rounds,
		command{argv: []string{"sh", "-c", ":"}}, b.run(dir, "--help"), b.run(dir, "list", "small"))
	if err != nil {
		return err
	}
	for i, what := range []string{"--help", "list"} {
		wall := t[i+1].wall
		b.figure(what+", whole process", "<= 30 ms", wall <= 30*time.Millisecond,
			"%s, %.1fx an empty shell", milliseconds(wall), ratio(wall, t[0].wall))
	}
	return nil
}

// evaluation measures 1,000 resources, beside the same file with one.
func (b *bench) evaluation(ctx context.Context) error {
	const text = `web = vm(name = "web", provider = simulated(dir = "web"))
[config_file(name = "file-%%d" %% i, host = web, path = "/srv/%%d" %% i, content = "text %%d" %% i) for i in range(%d)]
`
	one, err := b.project("one", fmt.Sprintf(text, 1))
	if err != nil {
		return err
	}
	thousand, err := b.project("thousand", fmt.Sprintf(text, 1000))
	if err != nil {
		return err
	}
	t, err := medians(ctx, rounds, b.run(one, "validate", "one"), b.run(thousand, "validate", "thousand"))
	if err != nil {
		return err
	}
	b.figure("validate 1,000 resources, process time", "<= 20 ms", t[1].cpu <= 20*time.Millisecond,
		"%s (%s wall), %.1fx one resource", milliseconds(t[1].cpu), milliseconds(t[1].wall), ratio(t[1].cpu, t[0].cpu))
	return nil
}

// parallel measures first deployments of eight simulated machines, 100 ms a
// batch, beside one.
func (b *bench) parallel(ctx context.Context) error {
	const text = `load("@torrust//tracker.star", "tracker")
def machine(i):
    web = vm(name = "web%%d" %% i, provider = simulated(dir = "machines/%%d" %% i, latency = "100ms"))
    tracker(name = "tracker%%d" %% i, host = web)
    firewall(name = "edge%%d" %% i, host = web, allow = [udp(6969), tcp(7070)])
[machine(i) for i in range(%d)]
`
	var deploys []command
	for _, n := range []int{1, 8} {
		name := fmt.Sprintf("machines%d", n)
		dir, err := b.project(name, fmt.Sprintf(text, n))
		if err != nil {
			return err
		}
		deploy := b.run(dir, "deploy", name, "--test", "never")
		deploy.ready = func(int) error { // nothing is left of the round before
			for _, path := range []string{filepath.Join(dir, "machines"), filepath.Join(dir, "environments", name+".age"), b.state()} {
				if err := os.RemoveAll(path); err != nil {
					return err
				}
			}
			return nil
		}
		deploys = append(deploys, deploy)
	}
	t, err := medians(ctx, slowRounds, deploys...)
	if err != nil {
		return err
	}
	r := ratio(t[1].wall, t[0].wall)
	b.figure("first deploy of 8 machines, 100 ms a batch", "<= 1.2x", r <= 1.2,
		"%s, %.2fx one machine", milliseconds(t[1].wall), r)
	return nil
}
