package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/composefile"
	"github.com/torrust/tracker-deployer/tasks/deploy"
)

// admit checks, before anything is touched, what a selection is made of: its
// compose files and its secrets.
func (d *deployment) admit(ctx context.Context, s tasks.Selection) error {
	if err := d.composed(ctx, s); err != nil {
		return err
	}
	return d.secrets.present(ctx)
}

// composed checks the compose files of the environment, where a selection
// writes any, before a machine is asked for anything. Making sense of the
// schema takes longer than a plan with nothing to do: what a run found right is
// noted beside its records and not checked again while it is the same.
func (d *deployment) composed(ctx context.Context, s tasks.Selection) error {
	for _, h := range d.env.Hosts {
		if s.Nodes["compose:"+h.Name] {
			return d.checkComposed(ctx)
		}
	}
	return nil
}

func (d *deployment) checkComposed(ctx context.Context) error {
	list, err := deploy.Compositions(d.graph, d.env)
	if err != nil {
		return usage("%w", err)
	}
	sum := sha256.New()
	for _, c := range list {
		fmt.Fprintf(sum, "%s %d\n%s", c.Host, len(c.Text), c.Text)
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	if known, err := os.ReadFile(d.composedPath()); err == nil && string(known) == digest {
		return nil
	}
	var problems []environments.Problem
	for _, c := range list {
		for _, f := range composefile.Check(ctx, d.env.Name, []byte(c.Text)) {
			problems = append(problems, d.misfit(c.Host, f))
		}
	}
	if len(problems) == 0 {
		d.right = digest
		return nil
	}
	sources := map[string][]byte{}
	for _, p := range problems {
		if text, err := d.readFile(p.Position.File); err == nil {
			sources[p.Position.File] = text
		}
	}
	eval.AddSource(problems, sources)
	return &eval.Error{Problems: problems}
}

// misfit is a fault as a problem of the service that has it.
func (d *deployment) misfit(host string, f composefile.Fault) environments.Problem {
	declared, subject := environments.Declared{}, fmt.Sprintf("vm %q: its compose file: ", host)
	if h, ok := d.env.Host(host); ok {
		declared = h.Declared
	}
	if s, ok := d.env.Service(f.Service); ok {
		declared, subject = s.Declared, fmt.Sprintf("compose_service %q: ", f.Service)
	}
	return environments.Problem{
		Position: declared.Position, Calls: declared.Calls, Message: subject + strings.ReplaceAll(f.Message, "\n", "; "),
		Hint: "https://github.com/compose-spec/compose-spec/blob/main/spec.md lists what extra takes",
	}
}

func (d *deployment) composedPath() string {
	return filepath.Join(d.program.stateDirectory(d.env.ID), "composed")
}

// noteComposed notes that the compose files are right, for a run that writes
// anyway. Without the note they are checked again.
func (d *deployment) noteComposed() {
	if d.right != "" {
		_ = os.WriteFile(d.composedPath(), []byte(d.right), 0o600)
	}
}
