package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rounds is how often everything quick is measured; slow peers run slowRounds
// times.
const (
	rounds     = 15
	slowRounds = 3
)

// measureAll is the second stage: it runs inside the namespaces.
func measureAll(ctx context.Context, work, peers string) error {
	b := &bench{work: work, peers: peers, program: filepath.Join(work, "torrust-tracker-deployer")}
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"} {
		if err := os.Setenv(name, filepath.Join(work, strings.ToLower(name))); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{b.startup, b.evaluation, b.parallel, b.loopback} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

type bench struct{ work, peers, program string }

// project makes a project with one environment file.
func (b *bench) project(name, text string) (dir string, err error) {
	dir = filepath.Join(b.work, "projects", name)
	if err := os.MkdirAll(filepath.Join(dir, "environments"), 0o755); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "environments", name+".star"), []byte(text), 0o600)
}

func (b *bench) run(dir string, args ...string) command {
	return command{name: strings.Join(args, " "), argv: append([]string{b.program}, args...), dir: dir}
}

// startup measures commands that contact nothing, beside an empty shell.
func (b *bench) startup(ctx context.Context) error {
	dir, err := b.project("small", `web = vm(name = "web", provider = simulated(dir = "web"))`+"\n")
	if err != nil {
		return err
	}
	wall, _, err := median(ctx, rounds,
		command{argv: []string{"sh", "-c", ":"}}, b.run(dir, "--help"), b.run(dir, "list", "small"))
	if err != nil {
		return err
	}
	report("--help, whole process", "<= 30 ms", "%s, %.1fx an empty shell", milliseconds(wall[1]), ratio(wall[1], wall[0]))
	report("list, whole process", "<= 30 ms", "%s, %.1fx an empty shell", milliseconds(wall[2]), ratio(wall[2], wall[0]))
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
	wall, cpu, err := median(ctx, rounds, b.run(one, "validate", "one"), b.run(thousand, "validate", "thousand"))
	if err != nil {
		return err
	}
	report("evaluation of 1,000 resources, process time", "<= 20 ms", "%s, %s wall, %.1fx one resource",
		milliseconds(cpu[1]), milliseconds(wall[1]), ratio(cpu[1], cpu[0]))
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
	times := map[int]time.Duration{}
	for _, n := range []int{1, 8} {
		var walls []time.Duration
		for i := range slowRounds {
			name := fmt.Sprintf("m%d-%d", n, i)
			dir, err := b.project(name, fmt.Sprintf(text, n))
			if err != nil {
				return err
			}
			wall, _, err := b.run(dir, "deploy", name, "--test", "never").once(ctx)
			if err != nil {
				return err
			}
			walls = append(walls, wall)
		}
		times[n] = middle(walls)
	}
	report("first deploy of 8 simulated machines, 100 ms a batch", "<= 1.2x", "%s, %.2fx one machine",
		milliseconds(times[8]), ratio(times[8], times[1]))
	return nil
}
