package simulated

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// fault returns the error that faults.json has for a step or query, or nil.
func (m *Machine) fault(key string) error {
	var faults map[string]string
	if err := m.readJSON("faults.json", &faults); err != nil {
		return err
	}
	text, ok := faults[key]
	if !ok {
		return nil
	}
	word, rest, more := strings.Cut(text, ": ")
	for _, known := range []struct {
		word  string
		cause error
	}{
		{"no space", hosts.ErrNoSpace},
		{"timeout", hosts.ErrTimeout},
		{"connection", hosts.ErrConnection},
		{"unsupported", hosts.ErrUnsupported},
		{"sudo", hosts.ErrSudo},
		{"changed", hosts.ErrChanged},
	} {
		if word == known.word && more {
			return fmt.Errorf("%w: %s", known.cause, rest)
		}
		if word == known.word {
			return known.cause
		}
	}
	return errors.New(text)
}

// A command is what a Run answers: Output and Exit, or what a program of this
// computer answers that is run in its place, in the machine's root, with the
// same input and environment.
type command struct {
	Output string   `json:"output"`
	Exit   int      `json:"exit"`
	Exec   []string `json:"exec"` // argv; none = there is no program
}

// program runs the program of a command.
func (m *Machine) program(c command, o hosts.Run) (command, error) {
	cmd := exec.Command(c.Exec[0], c.Exec[1:]...)
	cmd.Dir, cmd.Env = filepath.Join(m.dir, "root"), append(os.Environ(), o.Env...)
	cmd.Stdin = bytes.NewReader(o.Input)
	output, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return c, err
	}
	c.Output, c.Exit = string(output), cmd.ProcessState.ExitCode()
	return c, nil
}

func (m *Machine) run(o hosts.Run, progress func(string)) (hosts.Result, error) {
	var commands map[string]command
	if err := m.readJSON("commands.json", &commands); err != nil {
		return hosts.Result{}, err
	}
	c := commands[strings.Join(o.Argv, " ")]
	if len(c.Exec) > 0 {
		var err error
		if c, err = m.program(c, o); err != nil {
			return hosts.Result{}, err
		}
	}
	for line := range strings.Lines(c.Output) {
		progress(strings.TrimSuffix(line, "\n"))
	}
	result := hosts.Result{Changed: true, Output: c.Output, ExitCode: c.Exit}
	if c.Exit != 0 {
		return result, fmt.Errorf("exit code %d", c.Exit)
	}
	return result, nil
}

// readJSON reads a file of the machine's directory; one that is missing
// leaves value alone.
func (m *Machine) readJSON(name string, value any) error {
	data, err := os.ReadFile(filepath.Join(m.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(m.dir, name), err)
	}
	return nil
}
