package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
)

// consent asks before a plan removes or replaces something. Where there is no
// terminal to ask on, --yes has to be there.
func (d *deployment) consent(m *monitor, plan *tasks.Plan, o *runOptions) error {
	what := removals(plan, o.prune)
	if what == "" || o.yes {
		return nil
	}
	p := d.program
	if !p.canAsk() {
		return usage("this run %s", what).hint("look at it with `%s plan %s`, and say --yes to do it", programName, d.env.Name)
	}
	m.screen.close()
	planView{p.asking(), p.style(p.asking()), false}.print(plan)
	err := p.ask(fmt.Sprintf("This run %s. Go on?", what), d.engine.Stop)
	m.screen = p.screen()
	return err
}

// removals says in words what a plan takes away; "" when nothing.
func removals(plan *tasks.Plan, prune []string) string {
	byAct := map[tasks.Act][]string{}
	for _, s := range plan.Removes() {
		byAct[s.Act] = append(byAct[s.Act], s.Node)
	}
	var parts []string
	if list := byAct[tasks.ActDelete]; len(list) > 0 {
		parts = append(parts, "removes "+joined(list))
	}
	if list := byAct[tasks.ActReplace]; len(list) > 0 {
		parts = append(parts, "replaces "+joined(list))
	}
	if len(prune) > 0 {
		parts = append(parts, "deletes the data of "+joined(prune))
	}
	return strings.Join(parts, " and ")
}

// errRefused is a question that was not answered with yes.
var errRefused = errors.New("not confirmed: nothing was changed")

// canAsk reports whether somebody can be asked: whether input is a terminal.
func (p *program) canAsk() bool { return isTerminal(p.In) }

// asking is where questions are put: standard error, or where that is no
// terminal, the terminal that the answer comes from.
func (p *program) asking() io.Writer {
	if f, ok := p.In.(*os.File); ok && !isTerminal(p.Err) {
		return f
	}
	return p.Err
}

// ask puts a question and takes y or yes for consent; anything else, and an
// interrupt, is a refusal.
func (p *program) ask(question string, stop <-chan struct{}) error {
	fmt.Fprintf(p.asking(), "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(p.In).ReadString('\n') // an end of input is no consent
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-stop:
		return errInterrupted
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return errRefused
	}
}
