package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/torrust/tracker-deployer/environments"
)

type failure string

func (f failure) Error() string { return string(f) }

// ErrNotGenerated is a secret, key or digest that will be made when it is
// needed and is not there yet.
const ErrNotGenerated = failure("not generated yet")

// A MissingError is a secret whose environment variable is unset or empty.
type MissingError struct {
	Name string // of the secret
	Env  string // the variable
}

// Error names the secret and the variable.
func (e *MissingError) Error() string {
	return fmt.Sprintf("secret %q: environment variable %s is not set", e.Name, e.Env)
}

// Hint says how to set it.
func (e *MissingError) Hint() string {
	return fmt.Sprintf("set it for this command (%s=… torrust-tracker-deployer …), keep it (torrust-tracker-deployer secrets set %s ENV) or declare the secret with generate = True or command = [...]", e.Env, e.Name)
}

// defaultLength is the number of characters of a generated secret that
// declares none.
const defaultLength = 32

// outsideValue is a value from a variable or a command, got once a run.
type outsideValue struct {
	once  sync.Once
	value string
	err   error
}

// Value returns the value of a secret: of its environment variable or, where
// that is unset or empty, as it was set; of its command's output without one
// final newline; or generated. While the secret is being rotated it is one of
// the two values, see [State]. With create a value that was never generated is
// made and is durable when Value returns; without, it is ErrNotGenerated. A
// variable that is missing is a *MissingError, a command that gives nothing a
// *CommandError, and a value from before a rotation a *RetiredError. Variables
// are read and commands run once per Vault.
func (v *Vault) Value(ctx context.Context, secret environments.Secret, create bool) (string, error) {
	return v.Version(ctx, secret, environments.Current, create)
}

// Version is Value for one of the attributes of a secret: environments.Current,
// Outgoing or Incoming, which differ only while it is being rotated.
func (v *Vault) Version(ctx context.Context, secret environments.Secret, which string, create bool) (string, error) {
	doc, err := v.read()
	if err != nil {
		return "", err
	}
	if r, ok := doc.Rotations[secret.Name]; ok {
		v.saw(r.Old)
		v.saw(r.New)
		return r.value(which), nil
	}
	value, err := v.value(ctx, doc, secret, create)
	if err != nil {
		return "", err
	}
	v.saw(value)
	return value, nil
}

func (v *Vault) value(ctx context.Context, doc *document, secret environments.Secret, create bool) (string, error) {
	if secret.Generate {
		return v.generated(ctx, doc, secret, create)
	}
	value, err := v.fromOutside(ctx, secret)
	kept, isKept := doc.Secrets[secret.Name]
	switch {
	case err == nil && doc.isRetired(secret.Name, value):
		return "", &RetiredError{Name: secret.Name, Source: sourceOf(secret), Kept: isKept}
	case isMissing(err) && isKept:
		return kept, nil
	}
	return value, err
}

// sourceOf names where the value of a secret comes from.
func sourceOf(secret environments.Secret) string {
	if len(secret.Command) > 0 {
		return fmt.Sprintf("command %q", secret.Command[0])
	}
	return "environment variable " + secret.Variable()
}

// settle makes value what a variable or a command gives from now on: this
// process has just replaced what they still have.
func (v *Vault) settle(secret, value string) {
	o := &outsideValue{value: value}
	o.once.Do(func() {})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.outside[secret] = o
}

// fromOutside reads a variable or runs a command, once.
func (v *Vault) fromOutside(ctx context.Context, secret environments.Secret) (string, error) {
	v.mu.Lock()
	o, ok := v.outside[secret.Name]
	if !ok {
		o = &outsideValue{}
		v.outside[secret.Name] = o
	}
	v.mu.Unlock()
	o.once.Do(func() {
		if len(secret.Command) > 0 {
			o.value, o.err = v.output(ctx, secret)
		} else {
			o.value, o.err = v.variable(secret)
		}
	})
	return o.value, o.err
}

func (v *Vault) variable(secret environments.Secret) (string, error) {
	name := secret.Variable()
	value, ok := v.options.Getenv(name)
	if !ok || value == "" {
		return "", &MissingError{Name: secret.Name, Env: name}
	}
	return value, nil
}

// A CommandError is a command that did not give the value of a secret.
type CommandError struct {
	Name    string // of the secret
	Program string
	Cause   error
}

// Error names the secret and the program; its arguments and what it prints are
// nobody's business.
func (e *CommandError) Error() string {
	return fmt.Sprintf("secret %q: command %q: %v", e.Name, e.Program, e.Cause)
}

// Unwrap returns the cause.
func (e *CommandError) Unwrap() error { return e.Cause }

// Hint says how it runs.
func (e *CommandError) Hint() string {
	return "it runs in the project's root and has nothing to read; what it says on standard error is shown"
}

// output runs the secret's command. Neither what it prints nor its arguments
// get into an error.
func (v *Vault) output(outer context.Context, secret environments.Secret) (string, error) {
	ctx, cancel := context.WithTimeout(outer, v.options.Patience)
	defer cancel()
	because := func(err error) error {
		return &CommandError{Name: secret.Name, Program: secret.Command[0], Cause: err}
	}
	cmd := exec.CommandContext(ctx, secret.Command[0], secret.Command[1:]...)
	cmd.Dir = v.options.Directory
	cmd.Stderr = v.options.Stderr
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	cmd.WaitDelay = time.Second // for those that it left with its output open
	if err := cmd.Run(); err != nil {
		switch {
		case outer.Err() != nil:
			return "", outer.Err()
		case ctx.Err() != nil:
			err = fmt.Errorf("no end after %s", v.options.Patience)
		}
		return "", because(err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(stdout.String(), "\n"), "\r")
	if value == "" {
		return "", because(errors.New("it printed nothing"))
	}
	return value, nil
}

func (v *Vault) generated(ctx context.Context, doc *document, secret environments.Secret, create bool) (string, error) {
	if value, ok := doc.Secrets[secret.Name]; ok {
		return value, nil
	}
	if !create {
		return "", fmt.Errorf("secret %q: %w", secret.Name, ErrNotGenerated)
	}
	var value string
	err := v.change(ctx, func(d *document) (bool, error) {
		if there, ok := d.Secrets[secret.Name]; ok { // another run was faster
			value = there
			return false, nil
		}
		made, err := password(lengthOf(secret))
		if err != nil {
			return false, fmt.Errorf("secret %q: %w", secret.Name, err)
		}
		value, d.Secrets[secret.Name] = made, made
		return true, nil
	})
	if err != nil {
		return "", err
	}
	return value, nil
}

func lengthOf(secret environments.Secret) int {
	if secret.Length == 0 {
		return defaultLength
	}
	return secret.Length
}

const (
	letters  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	alphabet = letters + "0123456789"
)

// password returns length random letters and digits, a letter first: no shell,
// URL, YAML or SQL needs to quote it or takes it for a number.
func password(length int) (string, error) {
	if length < 1 {
		return "", errors.New("length is less than one")
	}
	out := make([]byte, 0, length)
	out = append(out, pick(letters))
	for len(out) < length {
		out = append(out, pick(alphabet))
	}
	return string(out), nil
}

// pick returns one character of set, each equally likely: bytes beyond the
// largest multiple of its size are thrown away.
func pick(set string) byte {
	limit := 256 - 256%len(set)
	var b [1]byte
	for {
		rand.Read(b[:]) // never returns an error
		if int(b[0]) < limit {
			return set[int(b[0])%len(set)]
		}
	}
}
