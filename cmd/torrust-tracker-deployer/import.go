package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/starlark/migrate"
	"github.com/torrust/tracker-deployer/tasks/vault"
	"github.com/torrust/tracker-deployer/tasks/vault/durable"
)

// importOptions are the flags of import.
type importOptions struct {
	output string
	force  bool
}

// importCommand makes an environment file of one of 0.1.0.
func (p *program) importCommand() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE.json [-o environments/NAME.star]",
		Short: "Turn an environment file of version 0.1.0 into one of this program",
		Long: `import reads the JSON file of an environment of torrust-tracker-deployer 0.1.0 and
writes a commented file that declares the same system. Secrets go into
environments/NAME.age, encrypted, and are in no other file. What 0.1.0 accepted
although it could not work, and keys that it ignored, are errors; what means
nothing here is a warning. Without -o the file is called after the environment.
It overwrites nothing unless --force.`,
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("import takes one file").hint("usage: %s", c.UseLine())
			}
			return p.importFile(c.Context(), args[0], o)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	c.Flags().StringVarP(&o.output, "output", "o", "", "write to `FILE`, which is called NAME.star")
	c.Flags().BoolVar(&o.force, "force", false, "overwrite what is there, also the values of secrets")
	return c
}

func (p *program) importFile(ctx context.Context, file string, o importOptions) error {
	data, err := readJSON(p.path(file))
	if err != nil {
		return usage("%s: %w", file, err)
	}
	system, err := migrate.Read(file, data)
	if err != nil {
		return err
	}
	to, name, err := p.importTo(system.Name(), o)
	if err != nil {
		return err
	}
	id := strings.TrimRight(name[:min(len(name), 31)], "-") + "-" + strings.ToLower(rand.Text())[:8]
	result, err := system.Starlark(migrate.Options{Name: name, ID: id})
	if err != nil {
		return err
	}
	// It is evaluated as what it will be, before anything is written.
	env, err := eval.Load(ctx, eval.Options{Root: to.root, File: to.file, Source: result.Source})
	if err == nil {
		err = system.Refused(result, env)
	}
	if err != nil {
		return err
	}
	p.warn(system.Warnings())
	if err := os.MkdirAll(filepath.Join(to.root, filepath.Dir(to.file)), 0o755); err != nil {
		return err
	}
	if err := p.keepImported(ctx, to, result.Secrets, o.force); err != nil {
		return err
	}
	if err := putImported(filepath.Join(to.root, to.file), result.Source, o.force); err != nil {
		return err
	}
	return p.imported(to, env, result, system.Warnings())
}

// readJSON reads a file that is not larger than one may be.
func readJSON(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plainCause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, migrate.MaxFile+1))
	return data, plainCause(err)
}

// importTo decides where the file goes and what the environment is called, and
// refuses a place that is taken.
func (p *program) importTo(name string, o importOptions) (place, string, error) {
	root, ok := p.project()
	if !ok {
		root = p.Dir
	}
	output := filepath.Join(root, "environments", name+".star")
	if o.output != "" {
		var found bool
		output = filepath.Clean(p.path(o.output))
		if name, found = strings.CutSuffix(filepath.Base(output), ".star"); !found {
			return place{}, "", usage("-o %s: an environment file is called NAME.star", o.output)
		}
		root = filepath.Dir(output)
		if filepath.Base(root) == "environments" {
			root = filepath.Dir(root)
		}
		if _, err := os.Stat(root); err != nil {
			return place{}, "", usage("-o %s: %w", o.output, plainCause(err))
		}
	}
	if err := checkName(name); err != nil {
		return place{}, "", fmt.Errorf("%w; -o environments/NAME.star gives it another one", err)
	}
	if _, err := os.Lstat(output); err == nil && !o.force {
		return place{}, "", usage("%s exists already", p.relative(output)).hint("choose another name with -o, or --force overwrites it")
	}
	file, err := filepath.Rel(root, output)
	if err != nil {
		return place{}, "", usage("-o %s: %w", o.output, err)
	}
	return place{root, filepath.ToSlash(file)}, name, nil
}

// keepImported puts secrets into the age file, all of them or none.
func (p *program) keepImported(ctx context.Context, to place, secrets []migrate.Secret, over bool) error {
	v, err := p.vaultOf(to)
	if err != nil {
		return err
	}
	values := make(map[string]string, len(secrets))
	for _, s := range secrets {
		values[s.Name] = s.Value
	}
	list := flatten(v.Keep(ctx, values, over))
	for i, err := range list {
		if kept, ok := errors.AsType[*vault.KeptError](err); ok {
			list[i] = usage("secret %q: %s keeps another value of it", kept.Name, p.relative(kept.File)).
				hint("choose another name with -o, or --force overwrites it")
		}
	}
	return errors.Join(list...)
}

// putImported writes the file, whole or not at all.
func putImported(file string, source []byte, over bool) error {
	if over {
		return durable.WriteFile(file, source, 0o644)
	}
	return writeNew(file, string(source))
}

// imported tells what was written.
func (p *program) imported(to place, env *environments.Environment, result *migrate.Result, warnings []environments.Problem) error {
	names := make([]string, 0, len(result.Secrets))
	for _, s := range result.Secrets {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	file := p.relative(filepath.Join(to.root, to.file))
	if p.json {
		return writeDocument(p.Out, struct {
			File     string                 `json:"file"`
			ID       string                 `json:"id"`
			Secrets  []string               `json:"secrets"` // names
			Warnings []environments.Problem `json:"warnings"`
		}{file, env.ID, names, append([]environments.Problem{}, warnings...)})
	}
	fmt.Fprintf(p.Out, "%s: %s\n", file, contents(env))
	if len(names) > 0 {
		p.note("%s holds %s", p.relative(to.beside(".age")), joined(names))
	}
	p.note("next: look through it, then `%s render %s -o out` and `%s plan %s`", programName, env.Name, programName, env.Name)
	return nil
}

// plainCause is why a file could not be read, without its path.
func plainCause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
