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
	return fmt.Sprintf("set it for this command (%s=… torrust-tracker-deployer …) or declare the secret with generate = True or command = [...]", e.Env)
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

// Value returns the value of a secret: of its environment variable, of its
// command's output without one final newline, or generated. With create a
// value that was never generated is made and is durable when Value returns;
// without, it is ErrNotGenerated. An unset or empty variable is a
// *MissingError. Variables are read and commands run once per Vault.
func (v *Vault) Value(ctx context.Context, secret environments.Secret, create bool) (string, error) {
	value, err := v.value(ctx, secret, create)
	if err != nil {
		return "", err
	}
	v.saw(value)
	return value, nil
}

func (v *Vault) value(ctx context.Context, secret environments.Secret, create bool) (string, error) {
	if secret.Generate {
		return v.generated(ctx, secret, create)
	}
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
	name := secret.Env
	if name == "" {
		name = secret.Name
	}
	value, ok := v.options.Getenv(name)
	if !ok || value == "" {
		return "", &MissingError{Name: secret.Name, Env: name}
	}
	return value, nil
}

// output runs the secret's command. Neither what it prints nor its arguments
// get into an error.
func (v *Vault) output(ctx context.Context, secret environments.Secret) (string, error) {
	cmd := exec.CommandContext(ctx, secret.Command[0], secret.Command[1:]...)
	cmd.Dir = v.options.Directory
	cmd.Stderr = v.options.Stderr
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("secret %q: command %q: %w", secret.Name, secret.Command[0], err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(stdout.String(), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("secret %q: command %q printed nothing", secret.Name, secret.Command[0])
	}
	return value, nil
}

func (v *Vault) generated(ctx context.Context, secret environments.Secret, create bool) (string, error) {
	doc, err := v.read()
	if err != nil {
		return "", err
	}
	if value, ok := doc.Secrets[secret.Name]; ok {
		return value, nil
	}
	if !create {
		return "", fmt.Errorf("secret %q: %w", secret.Name, ErrNotGenerated)
	}
	var value string
	err = v.change(ctx, func(d *document) (bool, error) {
		if there, ok := d.Secrets[secret.Name]; ok { // another run was faster
			value = there
			return false, nil
		}
		length := secret.Length
		if length == 0 {
			length = defaultLength
		}
		made, err := password(length)
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
