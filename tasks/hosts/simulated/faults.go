package simulated

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// A command is what a Run answers.
type command struct {
	Output string `json:"output"`
	Exit   int    `json:"exit"`
}

func (m *Machine) run(o hosts.Run, progress func(string)) (hosts.Result, error) {
	var commands map[string]command
	if err := m.readJSON("commands.json", &commands); err != nil {
		return hosts.Result{}, err
	}
	c := commands[strings.Join(o.Argv, " ")]
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
