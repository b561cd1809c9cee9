package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The groups of commands in help.
const (
	groupChange = "change"
	groupLook   = "look"
	groupReach  = "reach"
	groupWrite  = "write"
)

// commands returns every command but help and completion.
func (p *program) commands() []*cobra.Command {
	var list []*cobra.Command
	for _, s := range stageCommands {
		list = append(list, p.stageCommand(s.name, s.short, s.long))
	}
	return append(list,
		p.watchCommand(),
		p.destroyCommand(),
		p.powerCommand("start", "Start machines, or a service on its machine"),
		p.powerCommand("stop", "Stop machines, or a service on its machine"),
		p.powerCommand("restart", "Restart machines, or a service on its machine"),
		p.planCommand(),
		p.statusCommand(),
		p.listCommand(),
		p.showCommand(),
		p.graphCommand(),
		p.explainCommand(),
		p.sshCommand(),
		p.execCommand(),
		p.logsCommand(),
		p.openCommand(),
		p.cacheCommand(),
		p.secretsCommand(),
		p.createCommand(),
		p.importCommand(),
		p.validateCommand(),
		p.renderCommand(),
		p.checkCommand(),
		p.fmtCommand(),
		p.lintCommand(),
		p.stubsCommand(),
		p.versionCommand(),
	)
}

// commandNames returns the names of all commands.
func (p *program) commandNames() []string {
	names := []string{"help", "completion"}
	for _, c := range p.commands() {
		names = append(names, c.Name())
	}
	return names
}

// cancelledBySignals returns a context that the first interrupt cancels: for
// commands that change nothing and have nothing to finish.
func cancelledBySignals(ctx context.Context) (context.Context, func()) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
