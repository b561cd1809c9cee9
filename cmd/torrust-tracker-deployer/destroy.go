package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// destroyCommand is the way back from any state: of the machines, of the
// records, of a run that was killed.
func (p *program) destroyCommand() *cobra.Command {
	var yes, keepData bool
	c := &cobra.Command{
		Use:   "destroy [HOST…] ENV [KEY=VALUE…]",
		Short: "Remove the machines, or from existing ones everything of the environment",
		Long: `destroy removes machines that the program made, and from existing machines
everything that the environment put there, and verifies that nothing is left.
Keys and pins of the machines go with them; secrets stay in NAME.age. It works
from any state, and always asks.`,
		GroupID: groupChange,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseNames(c, args)
			if err != nil {
				return err
			}
			d, err := p.open(c.Context(), w)
			if err != nil {
				return err
			}
			return d.destroy(c.Context(), w.names, tasks.Teardown{KeepData: keepData}, yes)
		},
		ValidArgsFunction: p.completeHosts,
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&keepData, "keep-data", false, "keep the data disks, for the next deploy")
	return c
}

func (d *deployment) destroy(ctx context.Context, names []string, t tasks.Teardown, yes bool) error {
	machines, err := d.named(names)
	if err != nil {
		return err
	}
	if err := d.agree(machines, t, yes); err != nil {
		return err
	}
	end, err := d.beginAnew()
	if err != nil {
		return err
	}
	defer end()
	m := d.program.monitor()
	defer m.close()
	d.engine.Observe = m.event
	ctx, cancel := d.interruptible(ctx, m)
	defer cancel()
	if _, err := d.engine.Destroy(ctx, machines, t); err != nil {
		return asInterrupted(err)
	}
	return d.forget(machines, len(names) == 0)
}

// named returns the hosts that names mean; without names all of them.
func (d *deployment) named(names []string) ([]environments.Host, error) {
	if len(names) == 0 {
		return d.env.Hosts, nil
	}
	var list []environments.Host
	for _, n := range names {
		h, err := d.host(trimKind(n, "vm"))
		if err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

func (d *deployment) agree(machines []environments.Host, t tasks.Teardown, yes bool) error {
	p := d.program
	if yes {
		return nil
	}
	var lines []string
	for _, h := range machines {
		lines = append(lines, fate(h, t))
	}
	if !p.canAsk() {
		return usage("destroy asks first, and there is no terminal to ask on").
			hint("`%s destroy %s --yes` does it: %s", programName, d.env.Name, joined(lines))
	}
	for _, l := range lines {
		fmt.Fprintln(p.asking(), "  "+l)
	}
	return p.ask(fmt.Sprintf("Destroy environment %q?", d.env.Name), nil)
}

// fate says what destroy does with a machine.
func fate(h environments.Host, t tasks.Teardown) string {
	switch {
	case h.Provider.Existing != nil && t.KeepData:
		return "vm:" + h.Name + " stays, everything of the environment but data is removed from it"
	case h.Provider.Existing != nil:
		return "vm:" + h.Name + " stays, everything of the environment is removed from it, data included"
	case t.KeepData:
		return "vm:" + h.Name + " is removed, its data disk stays"
	default:
		return "vm:" + h.Name + " is removed with its data"
	}
}

// beginAnew takes the environment's lock even where the records are damaged
// or newer than this program: they are going to be deleted.
func (d *deployment) beginAnew() (func(), error) {
	end, err := d.begin()
	if err == nil || errors.Is(err, tasks.ErrBusy) {
		return end, err
	}
	path := d.journalPath()
	if rerr := os.RemoveAll(path); rerr != nil {
		return nil, errors.Join(err, rerr)
	}
	d.program.note("the records could not be read and are made anew: %v", err)
	return d.begin()
}

// forget drops what is remembered of destroyed machines, and of the whole
// environment its state directory.
func (d *deployment) forget(machines []environments.Host, whole bool) error {
	var errs []error
	for _, h := range machines {
		if err := d.vault.Drop(h.Name); err != nil {
			errs = append(errs, &leftError{h.Name, err})
		}
	}
	if whole {
		errs = append(errs, removeWhole(d.program.stateDirectory(d.env.ID)))
	}
	return errors.Join(errs...)
}

// A leftError is what could not be dropped of a destroyed machine. It is a
// failed run, whatever the cause: the machine is gone.
type leftError struct {
	host  string
	cause error
}

// Error says what is left.
func (e *leftError) Error() string {
	return fmt.Sprintf("the key and pins of vm:%s are still there: %v", e.host, e.cause)
}

// Hint returns that of the cause.
func (e *leftError) Hint() string {
	if h, ok := e.cause.(interface{ Hint() string }); ok {
		return h.Hint()
	}
	return ""
}

// removeWhole deletes a directory and verifies that it is gone.
func removeWhole(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s is still there after it was removed", dir)
	}
	return nil
}
