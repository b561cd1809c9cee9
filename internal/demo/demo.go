// Package demo is `mage demo`: the main job, from a checkout to a tracker that
// answers, on a virtual machine of this computer.
//
// Where an image server and a container registry answer, it is nothing but
// the program and environments/demo.star. Where they do not, it makes what
// cannot be had (internal/lab) and tells the environment where it is, through
// the parameters of environments/demo.star in environments/demo.params.json.
// That file stays, so that a later plain `deploy demo` finds the same machine
// and has nothing to do.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/internal/lab"
)

// registryAddress is where the machine's registry mirror listens: the port
// stands in the machine's daemon.json, so it stays the same.
const registryAddress = "127.0.0.1:15055"

// fromMachine is registryAddress as a machine with user-mode networking sees it.
const fromMachine = "http://10.0.2.2:15055"

// A Demo deploys environments/demo.star.
type Demo struct {
	Root    string    // of the checkout
	Program string    // path of the program
	Out     io.Writer // what is going on, and the results
}

// Run deploys, runs the application tests, and says how to go on. It is
// idempotent: a second call changes nothing.
func (d Demo) Run(ctx context.Context) error {
	if d.outside(ctx) {
		d.say("an image server and a container registry answer: nothing has to be built")
	} else {
		end, err := d.offline(ctx)
		if err != nil {
			return err
		}
		defer end()
	}
	for _, args := range [][]string{{"deploy", "demo", "--yes", "--test", "never"}, {"test", "demo"}} {
		if err := d.program(ctx, args...); err != nil {
			return err
		}
	}
	return d.next(ctx)
}

// outside reports whether the images of the demo can be had from where users
// get them.
func (d Demo) outside(ctx context.Context) bool {
	for _, url := range []string{"https://registry-1.docker.io/v2/", "https://cloud.debian.org/images/cloud/"} {
		if !answers(ctx, url) {
			return false
		}
	}
	return true
}

// answers reports whether a server answers at all. A registry says 401.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK || response.StatusCode == http.StatusUnauthorized
}

// offline makes the images, serves them, and writes the parameters.
func (d Demo) offline(ctx context.Context) (end func(), err error) {
	d.say("no image server or no container registry answers: images are made from packages and source")
	dir, err := lab.DefaultDir()
	if err != nil {
		return nil, err
	}
	l := lab.New(dir, d.Out)
	image, err := l.VMImage(ctx, lab.Debian13)
	if err != nil {
		return nil, err
	}
	tracker, err := l.TrackerImage(ctx)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", registryAddress)
	if err != nil {
		return nil, fmt.Errorf("registry for the machine: %w", err)
	}
	registry, err := lab.StartRegistry(ctx, listener, tracker)
	if err != nil {
		return nil, err
	}
	end = func() { _ = registry.Close() }
	if err := d.parameters(image); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// parameters writes environments/demo.params.json where it says something
// else, keeping what the user added.
func (d Demo) parameters(image string) error {
	path := filepath.Join(d.Root, "environments", "demo.params.json")
	params := map[string]any{}
	old, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(old, &params); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	params["image"] = image
	params["registry_mirrors"] = []string{fromMachine}
	text, err := json.MarshalIndent(params, "", "  ")
	if err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// next prints the tracker's addresses and what to try.
func (d Demo) next(ctx context.Context) error {
	show := exec.CommandContext(ctx, d.Program, "show", "demo", "--json")
	show.Dir, show.Stderr = d.Root, os.Stderr
	out, err := show.Output()
	if err != nil {
		return fmt.Errorf("%s show demo: %w", d.Program, err)
	}
	var environment struct {
		URLs []string `json:"urls"`
	}
	if err := json.Unmarshal(out, &environment); err != nil {
		return fmt.Errorf("%s show demo --json: %w", d.Program, err)
	}
	name, err := filepath.Rel(d.Root, d.Program)
	if err != nil {
		name = d.Program
	}
	fmt.Fprintln(d.Out, "\nThe tracker answers at")
	for _, url := range environment.URLs {
		fmt.Fprintln(d.Out, "  "+url)
	}
	fmt.Fprintln(d.Out, "\nNext, try")
	for _, line := range []string{
		"plan demo                      # what a deployment would change: nothing",
		"logs tracker demo              # what the tracker says",
		"ssh web demo                   # the machine",
		"deploy demo                    # after editing environments/demo.star",
		"destroy demo                   # the way back",
	} {
		fmt.Fprintln(d.Out, "  "+name+" "+line)
	}
	return nil
}

func (d Demo) program(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, d.Program, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = d.Root, os.Stdin, d.Out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(d.Program), strings.Join(args, " "), err)
	}
	return nil
}

func (d Demo) say(line string) { fmt.Fprintln(d.Out, line) }
