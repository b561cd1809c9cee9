//go:build mage

// The targets of "go tool mage". They are thin: what they do is in
// internal/lab and in the go command.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/torrust/tracker-deployer/internal/demo"
	"github.com/torrust/tracker-deployer/internal/lab"
)

const (
	module  = "github.com/torrust/tracker-deployer"
	program = "torrust-tracker-deployer"
)

// realMachines are the packages whose tests start virtual machines, or the real
// programs of container images. One after the other: each takes both cores.
var realMachines = []string{module + "/internal/e2e", module + "/internal/stack"}

// Build leaves the program in bin/.
func Build(ctx context.Context) error {
	return run(ctx, "go", "build", "-trimpath", "-o", "bin/"+program, "./cmd/"+program)
}

// Images makes the VM images, packages and container images of the lab, if they are not cached.
func Images(ctx context.Context) error {
	dir, err := lab.DefaultDir()
	if err != nil {
		return err
	}
	if err := install(ctx, lab.ForImages); err != nil {
		return err
	}
	return lab.New(dir, os.Stdout).All(ctx)
}

// Unit runs every test that needs no real machine, and of those that go through
// all there is a sample: it is for running again and again.
func Unit(ctx context.Context) error { return unit(ctx, "-short") }

// unit runs every test that needs no real machine, with more flags of go test.
func unit(ctx context.Context, flags ...string) error {
	if err := install(ctx, lab.ForMachines, lab.ForTests); err != nil {
		return err
	}
	packages, err := packagesWithout(ctx, realMachines)
	if err != nil {
		return err
	}
	return run(ctx, "go", slices.Concat([]string{"test"}, flags, packages)...)
}

// Demo deploys environments/demo.star on a virtual machine of this computer, and tests it.
func Demo(ctx context.Context) error {
	if err := install(ctx, lab.ForImages, lab.ForMachines); err != nil {
		return err
	}
	if err := Build(ctx); err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	return demo.Demo{Root: root, Program: filepath.Join(root, "bin", program), Out: os.Stdout}.Run(ctx)
}

// E2e runs the tests on real machines.
func E2e(ctx context.Context) error {
	if err := install(ctx, lab.ForImages, lab.ForMachines, lab.ForTests); err != nil {
		return err
	}
	return run(ctx, "go", append([]string{"test", "-p=1", "-count=1", "-timeout=60m"}, realMachines...)...)
}

// Test runs everything: lint, unit and script tests, then the tests on real machines.
func Test(ctx context.Context) error {
	if err := install(ctx, lab.ForImages, lab.ForMachines, lab.ForTests); err != nil {
		return err
	}
	// Real machines come last and alone: on an emulated processor they need
	// all there is.
	for _, step := range []func(context.Context) error{Lint, Images, everyUnit, fuzz, assets, E2e} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func everyUnit(ctx context.Context) error { return unit(ctx) }

// fuzzed are the targets that are fuzzed in every test of everything: the
// evaluator, the formatter, and the reader of records.
var fuzzed = map[string]string{"FuzzLoad": "./starlark/eval", "FuzzFormat": "./starlark/layout", "FuzzRecords": "./tasks"}

// fuzz fuzzes each for a minute, side by side.
func fuzz(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, pkg := range fuzzed {
		group.Go(func() error {
			return run(ctx, "go", "test", "-run=^$", "-fuzz=^"+name+"$", "-fuzztime=1m", "-parallel=1", pkg)
		})
	}
	return group.Wait()
}

// assets makes what environments/dev.star declares, with the program itself.
func assets(ctx context.Context) error {
	return run(ctx, "go", "run", "./cmd/"+program, "assets", "dev")
}

// Bench measures the program beside other tools, in ratios.
func Bench(ctx context.Context) error {
	if err := install(ctx, lab.ForBench); err != nil {
		return err
	}
	return run(ctx, "go", "run", "./internal/bench")
}

// Lint checks format, vet, staticcheck and known vulnerabilities.
func Lint(ctx context.Context) error {
	return errors.Join(
		formatted(ctx),
		run(ctx, "go", "vet", "./..."),
		run(ctx, "go", "vet", "-tags", "mage", "."),
		run(ctx, "go", "tool", "staticcheck", "./..."),
		vulnerabilities(ctx),
	)
}

// formatted lists the files that gofmt would change.
func formatted(ctx context.Context) error {
	files, err := output(ctx, "gofmt", "-l", ".")
	if err == nil && files != "" {
		err = fmt.Errorf("not formatted, run gofmt -w on:\n%s", files)
	}
	return err
}

// vulnerabilities runs govulncheck; a database that cannot be reached is said
// and is no failure.
func vulnerabilities(ctx context.Context) error {
	var said bytes.Buffer
	cmd := command(ctx, "go", "tool", "govulncheck", "./...")
	cmd.Stderr = io.MultiWriter(os.Stderr, &said)
	err := cmd.Run()
	if err != nil && strings.Contains(said.String(), "fetching vulnerabilities: Get") {
		fmt.Println("govulncheck: not checked, the database cannot be reached")
		return nil
	}
	return failed(err, "govulncheck", "./...")
}

// packagesWithout lists the packages of the module but for some.
func packagesWithout(ctx context.Context, some []string) ([]string, error) {
	all, err := output(ctx, "go", "list", "./...")
	if err != nil {
		return nil, err
	}
	var packages []string
	for _, p := range strings.Fields(all) {
		if !slices.Contains(some, p) {
			packages = append(packages, p)
		}
	}
	return packages, nil
}

// install brings the programs that a target needs and tells what to do where
// it cannot.
func install(ctx context.Context, needs ...lab.Need) error {
	err := lab.Install(ctx, os.Stdout, needs...)
	if missing, ok := errors.AsType[*lab.PrerequisiteError](err); ok {
		fmt.Fprintln(os.Stderr, "hint:", missing.Hint())
	}
	return err
}

// run executes a command with its output on ours.
func run(ctx context.Context, name string, args ...string) error {
	return failed(command(ctx, name, args...).Run(), name, args...)
}

// output executes a command and returns what it prints.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := command(ctx, name, args...)
	cmd.Stdout = nil
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), failed(err, name, args...)
}

func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

func failed(err error, name string, args ...string) error {
	if err != nil {
		err = fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return err
}
