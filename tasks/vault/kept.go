package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Kept returns the values that the age file keeps, by name of the secret:
// generated ones and those that were set. Whoever gets them shows them to
// nobody but the operator.
func (v *Vault) Kept() (map[string]string, error) {
	doc, err := v.read()
	if err != nil {
		return nil, err
	}
	for _, value := range doc.Secrets {
		v.saw(value)
	}
	return maps.Clone(doc.Secrets), nil
}

// A KeptError is a secret that has another value already.
type KeptError struct {
	Name string // of the secret
	File string // the age file
}

// Error names the secret and the file.
func (e *KeptError) Error() string {
	return fmt.Sprintf("secret %q: %s keeps another value", e.Name, e.File)
}

// Hint says how to see what there is.
func (e *KeptError) Hint() string { return "it may be in use: choose another name for the environment" }

// Keep puts values of secrets into the age file, by name, all of them or none;
// they are durable when it returns. Unless over is set every secret that has
// another value is a *KeptError, joined where there are several; one that is
// being rotated is always a *RotatingError.
func (v *Vault) Keep(ctx context.Context, values map[string]string, over bool) error {
	for _, value := range values {
		v.saw(value)
	}
	return v.change(ctx, func(d *document) (bool, error) {
		changed := false
		var taken []error
		for _, name := range slices.Sorted(maps.Keys(values)) {
			old, there := d.Secrets[name]
			_, rotates := d.Rotations[name]
			switch {
			case rotates:
				return false, &RotatingError{Name: name}
			case there && old == values[name]:
				continue
			case there && !over:
				taken = append(taken, &KeptError{Name: name, File: v.options.AgeFile})
				continue
			}
			d.Secrets[name], changed = values[name], true
		}
		return changed, errors.Join(taken...)
	})
}

// Edit makes after what the age file keeps where it was before. It reports the
// names that differ, sorted. Where somebody else has changed it meanwhile
// nothing is done; neither where a secret that is being rotated would differ,
// which is a *RotatingError.
func (v *Vault) Edit(ctx context.Context, before, after map[string]string) (changed []string, err error) {
	for _, value := range after {
		v.saw(value)
	}
	changed = differences(before, after)
	err = v.change(ctx, func(d *document) (bool, error) {
		if !maps.Equal(d.Secrets, before) {
			return false, fmt.Errorf("%s was changed by somebody else meanwhile: nothing is written", v.options.AgeFile)
		}
		for _, name := range changed {
			if _, ok := d.Rotations[name]; ok {
				return false, &RotatingError{Name: name}
			}
		}
		d.Secrets = after
		return len(changed) > 0, nil
	})
	return changed, err
}

func differences(before, after map[string]string) []string {
	var names []string
	for name, value := range before {
		if now, ok := after[name]; !ok || now != value {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
