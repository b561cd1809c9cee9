package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/tasks"
)

// stages are the targets that every environment has.
var stages = []string{"deploy", "provision", "configure", "release", "run", "test"}

// choose selects the nodes that targets name, with a suggestion for one that
// nothing declares. Every task among them has its arguments.
func (d *deployment) choose(targets []string, only bool) (tasks.Selection, error) {
	s, err := d.graph.Select(targets, only)
	if unknown, ok := errors.AsType[*tasks.UnknownTargetError](err); ok {
		return s, d.program.unknownTarget(unknown.Target, d)
	}
	if err == nil {
		err = d.complete(s)
	}
	return s, err
}

func (p *program) unknownTarget(word string, d *deployment) error {
	known := slices.Concat(stages, d.graph.Targets())
	err := usage("unknown command or target %q", word)
	if s := builtins.Suggest(word, slices.Concat(p.commandNames(), known, d.graph.Order())); s != "" {
		return err.hint("did you mean %q?", s)
	}
	return err.hint("targets are %s, and nodes such as service:NAME; see %s help for commands", strings.Join(known, ", "), programName)
}

func (p *program) unknownCommand(word string) error {
	err := usage("unknown command %q", word)
	if s := builtins.Suggest(word, slices.Concat(p.commandNames(), stages)); s != "" {
		return err.hint("did you mean %q?", s)
	}
	return err.hint("see %s help", programName)
}

// unknown says that an environment has no such host or service.
func (d *deployment) unknown(kind, name string, known []string) error {
	err := usage("environment %q has no %s %q", d.env.Name, kind, name)
	if s := builtins.Suggest(name, known); s != "" {
		return err.hint("did you mean %q?", s)
	}
	if len(known) > 0 {
		return err.hint("there are %s", joined(known))
	}
	return err
}
