package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// How often things are run: what is quick, and what takes seconds.
const (
	rounds     = 15
	slowRounds = 3
)

// A command is something to be measured: a whole process.
type command struct {
	argv  []string
	dir   string
	stdin []byte
	ready func(round int) error // before each run, not measured; nil = nothing
}

// times of one run, or the medians of several.
type times struct {
	wall, cpu time.Duration
	peak      int64 // bytes of memory at the most
}

// once runs c. What it prints goes to a file: a pipe would be waited for until
// the last process that it left behind closes it.
func (c command) once(ctx context.Context) (times, error) {
	output, err := os.CreateTemp("", "output-*")
	if err != nil {
		return times{}, err
	}
	defer output.Close()
	defer os.Remove(output.Name())
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, output, output
	if c.stdin != nil {
		cmd.Stdin = bytes.NewReader(c.stdin)
	}
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)
	if ctx.Err() != nil {
		return times{}, context.Cause(ctx)
	}
	if err != nil {
		said, _ := os.ReadFile(output.Name()) // the error says enough without
		return times{}, fmt.Errorf("%s: %w\n%s", strings.Join(c.argv, " "), err, said)
	}
	t := times{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		t.peak = used.Maxrss << 10
	}
	return t, nil
}

// medians runs the commands in turns, n times each, and returns the medians of
// each.
func medians(ctx context.Context, n int, commands ...command) ([]times, error) {
	walls, cpus, peaks := make([][]time.Duration, len(commands)), make([][]time.Duration, len(commands)), make([][]int64, len(commands))
	for round := range n {
		for i, c := range commands {
			if c.ready != nil {
				if err := c.ready(round); err != nil {
					return nil, err
				}
			}
			t, err := c.once(ctx)
			if err != nil {
				return nil, err
			}
			walls[i], cpus[i], peaks[i] = append(walls[i], t.wall), append(cpus[i], t.cpu), append(peaks[i], t.peak)
		}
	}
	result := make([]times, len(commands))
	for i := range commands {
		result[i] = times{median(walls[i]), median(cpus[i]), median(peaks[i])}
	}
	return result, nil
}

func median[T cmp.Ordered](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// figure prints a line: what was measured, what was seen, and the goal.
func (b *bench) figure(what, goal string, reached bool, format string, args ...any) {
	verdict := "missed"
	if reached {
		verdict = "reached"
		b.reached++
	}
	b.figures++
	fmt.Printf("%-48s %-44s goal %-14s %s\n", what, fmt.Sprintf(format, args...), goal, verdict)
}

// total prints the last line.
func (b *bench) total() { fmt.Printf("%d of %d goals reached\n", b.reached, b.figures) }
