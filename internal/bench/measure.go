package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A command is something to be measured: a whole process.
type command struct {
	name  string
	argv  []string
	dir   string
	stdin []byte
}

// once runs c and returns its wall-clock time and its processor time.
func (c command) once(ctx context.Context) (wall, cpu time.Duration, err error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Stdin = c.dir, bytes.NewReader(c.stdin)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err = cmd.Run()
	wall = time.Since(start)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w\n%s", strings.Join(c.argv, " "), err, output.String())
	}
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// median runs every command n times, in turns, and returns the median of the
// wall-clock and of the processor time of each.
func median(ctx context.Context, n int, commands ...command) (wall, cpu []time.Duration, err error) {
	walls, cpus := make([][]time.Duration, len(commands)), make([][]time.Duration, len(commands))
	for range n {
		for i, c := range commands {
			w, p, err := c.once(ctx)
			if err != nil {
				return nil, nil, err
			}
			walls[i], cpus[i] = append(walls[i], w), append(cpus[i], p)
		}
	}
	for i := range commands {
		wall, cpu = append(wall, middle(walls[i])), append(cpu, middle(cpus[i]))
	}
	return wall, cpu, nil
}

func middle(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func report(what, goal, format string, args ...any) {
	fmt.Printf("%-58s %-34s goal %s\n", what, fmt.Sprintf(format, args...), goal)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
