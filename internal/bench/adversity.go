package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/torrust/tracker-deployer/internal/adversary"
)

// atOnce is how many plays go on at a time: most of what they do is to wait
// until files are old enough.
const atOnce = 8

// adversity plays the adversary's table against every builder and prints it.
func (b *bench) adversity(ctx context.Context) error {
	rows, tools := adversary.Rows(), b.builders()
	verdicts, said := make([][]string, len(rows)), make([][]error, len(rows))
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i, row := range rows {
		verdicts[i], said[i] = make([]string, len(tools)), make([]error, len(tools))
		for j, tool := range tools {
			slots <- struct{}{}
			if ctx.Err() != nil {
				group.Wait()
				return context.Cause(ctx)
			}
			group.Go(func() {
				defer func() { <-slots }()
				verdicts[i][j], said[i][j] = b.play(tool, row)
			})
		}
	}
	group.Wait()
	fmt.Printf("\n%-58s", "what happens to a clean build")
	for _, t := range tools {
		fmt.Printf(" %-14s", t.name)
	}
	fmt.Println()
	right := make([]int, len(tools))
	for i, row := range rows {
		fmt.Printf("%-58s", row.Name)
		for j, v := range verdicts[i] {
			fmt.Printf(" %-14s", v)
			if v == "right" {
				right[j]++
			}
		}
		fmt.Println()
		if verdicts[i][0] != "right" {
			fmt.Printf("    %v\n", said[i][0])
		}
	}
	fmt.Print("right: it runs what has to run, and no more; WRONG: it says that all is up to date, and the output is not what it has to be;\n" +
		"not run: the output happens to be the same; needless: it runs too much; fails: it ends with an error; -: it has no words for the case\n\n")
	b.figure("the table of adversity, "+fmt.Sprint(len(rows))+" cases", "all right", right[0] == len(rows),
		"%d right; go-task %d, ninja %d, make %d", right[0], right[1], right[2], right[3])
	return nil
}

// play plays one row against one tool and says in a word what came of it.
func (b *bench) play(tool builder, row adversary.Row) (string, error) {
	dir, err := os.MkdirTemp(b.work, "play-*")
	if err != nil {
		return "fails", err
	}
	defer os.RemoveAll(dir)
	o, err := adversary.Play(tool, row, dir, true)
	switch {
	case errors.Is(err, errCannotSay):
		return "-", err
	case err != nil:
		return "fails", err
	case o.Right(row):
		return "right", nil
	}
	why := fmt.Errorf("it ran %v, then %v, want %v; wrong: %q\n%s", o.Ran, o.Again, row.Runs, o.Wrong, o.Said)
	lacks := func(step string) bool { return !slices.Contains(o.Ran, step) }
	switch {
	case o.Wrong != "":
		return "WRONG", why
	case slices.ContainsFunc(row.Runs, lacks):
		return "not run", why
	}
	return "needless", why
}
