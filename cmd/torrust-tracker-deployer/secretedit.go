package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func (p *program) secretsEdit() *cobra.Command {
	return &cobra.Command{
		Use:   "edit ENV [KEY=VALUE…]",
		Short: "Edit what is kept beside the environment file",
		Long: `secrets edit opens the values that environments/ENV.age keeps in $VISUAL or
$EDITOR (else vi): a line NAME = "VALUE" for each, written as in JSON. Lines may be
added and taken out. The text is in a file that only you can read, in memory
where the system has a place for that, and is gone when the editor has ended,
however it ends. What the next deploy does is what differs.`,
		RunE: func(c *cobra.Command, args []string) error {
			d, _, err := p.openSecrets(c, args, 0)
			if err != nil {
				return err
			}
			before, err := d.vault.Kept()
			if err != nil {
				return err
			}
			text, err := p.edit(c.Context(), d.editable(before))
			if err != nil {
				return err
			}
			after, err := parseEdited(text)
			if err != nil {
				return err
			}
			if err := d.editedFit(c.Context(), before, after); err != nil {
				return err
			}
			changed, err := d.vault.Edit(c.Context(), before, after)
			if err != nil {
				return err
			}
			return p.said(d, "changed", changed...)
		},
		ValidArgsFunction: p.completeEnvironments,
	}
}

// editable writes values for the operator, and which could be added.
func (d *deployment) editable(values map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Secrets of environment %s. Lines are NAME = \"VALUE\", as in JSON.\n", d.env.Name)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "%s = %s\n", name, encode(values[name]))
	}
	for _, s := range d.env.Secrets {
		if _, ok := values[s.Name]; !ok && len(s.Command) == 0 {
			fmt.Fprintf(&b, "# %s = \"\"\n", s.Name)
		}
	}
	return b.String()
}

// parseEdited reads what editable writes. Errors name lines and show nothing
// of them.
func parseEdited(text string) (map[string]string, error) {
	values := map[string]string{}
	var wrong []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, quoted, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		var value string
		if !ok || !isKey(name) || strings.Contains(name, "-") || json.Unmarshal([]byte(strings.TrimSpace(quoted)), &value) != nil {
			wrong = append(wrong, usage("line %d is not NAME = \"VALUE\"", n).hint("nothing is changed; a quote in a value is \\\", a backslash \\\\"))
			continue
		}
		if _, again := values[name]; again {
			wrong = append(wrong, usage("line %d: secret %q is there twice", n, name))
			continue
		}
		var err error
		if values[name], err = checkSecret(name, []byte(value)); err != nil {
			wrong = append(wrong, err)
		}
	}
	return values, errors.Join(wrong...)
}

// editedFit refuses values that a library does not take, and another one of a
// secret that a service has to be told of.
func (d *deployment) editedFit(ctx context.Context, before, after map[string]string) error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(after)) {
		old, had := before[name]
		if old == after[name] {
			continue
		}
		if s, ok := d.env.Secret(name); ok && had {
			wrong = append(wrong, d.settable(ctx, s))
		}
		wrong = append(wrong, d.secrets.fit(ctx, d.secrets.with(ctx, name, after[name])))
	}
	return errors.Join(wrong...)
}

// edit lets the operator edit a text that nobody else may see.
func (p *program) edit(ctx context.Context, text string) (edited string, err error) {
	dir, err := p.hiddenDirectory()
	if err != nil {
		return "", err
	}
	// The directory goes with everything that the editor may have put beside
	// the file. Signals that would end this program end the editor.
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)

	file := filepath.Join(dir, "secrets")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	if err := p.editor(ctx, file, signals); err != nil {
		return "", err
	}
	data, err := os.ReadFile(file)
	return string(data), err
}

// editor runs the editor until it ends, or a signal that is not for it comes.
func (p *program) editor(ctx context.Context, file string, signals <-chan os.Signal) error {
	argv := strings.Fields(p.getenv("VISUAL"))
	if len(argv) == 0 {
		argv = strings.Fields(p.getenv("EDITOR"))
	}
	if len(argv) == 0 {
		argv = []string{"vi"}
	}
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], file)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.In, p.Err, p.Err
	if isTerminal(p.In) {
		cmd.Stdout = p.asking()
	}
	if err := cmd.Start(); err != nil {
		return usage("editor %q: %w", argv[0], err).hint("set EDITOR to the editor of your choice")
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("editor %q: %w: nothing is changed", argv[0], err)
			}
			return nil
		case s := <-signals:
			if s == os.Interrupt || s == syscall.SIGQUIT {
				continue // of the terminal, which the editor gets as well
			}
			_ = cmd.Process.Kill() // it may have ended
			<-ended
			return errInterrupted
		}
	}
}

// hiddenPrefix begins the name of a directory for secrets that are edited, and
// the number of the process that edits follows.
const hiddenPrefix = "torrust-tracker-deployer-edit-"

// hiddenDirectory makes a directory that only the operator can read, in memory
// where there is a file system for that, and takes away what killed processes
// have left.
func (p *program) hiddenDirectory() (string, error) {
	base, inMemory := os.TempDir(), false
	for _, dir := range []string{p.getenv("XDG_RUNTIME_DIR"), "/dev/shm"} {
		if filepath.IsAbs(dir) && isMemory(dir) {
			base, inMemory = dir, true
			break
		}
	}
	forgotten, _ := filepath.Glob(filepath.Join(base, hiddenPrefix+"*")) // the pattern is good
	for _, dir := range forgotten {
		rest := strings.TrimPrefix(filepath.Base(dir), hiddenPrefix)
		number, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(number); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir) // it may be somebody else's
		}
	}
	if !inMemory {
		p.note("there is no file system in memory: the secrets are in %s while they are edited", base)
	}
	return os.MkdirTemp(base, hiddenPrefix+strconv.Itoa(os.Getpid())+"-*")
}

// tmpfs is the kind of file system that is in memory.
const tmpfs = 0x01021994

func isMemory(dir string) bool {
	var s syscall.Statfs_t
	return syscall.Statfs(dir, &s) == nil && int64(s.Type) == tmpfs
}
