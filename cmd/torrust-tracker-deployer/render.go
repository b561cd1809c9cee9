package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/tasks/deploy"
)

// renderOptions are the flags of render.
type renderOptions struct {
	directory string
	addresses []string
	secrets   bool
}

// renderCommand writes what would land on each machine to a directory.
func (p *program) renderCommand() *cobra.Command {
	o := &renderOptions{}
	c := &cobra.Command{
		Use:   "render ENV -o DIR [KEY=VALUE…]",
		Short: "Write everything that would land on each machine to a directory",
		Long: `render writes the files of every machine to DIR/HOST, under the paths that they
have there: compose.yaml, configuration, firewall rules. No machine is
contacted. What only a deployment learns stands as "(vm:web ipv4)", the digest
of an image as its tag, a secret as "(secret NAME)": none is read unless
--with-secrets. DIR is made, or is one that render has made before, and then has
nothing else in it afterwards.`,
		GroupID: groupWrite,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseUpTo(c, args, 0)
			if err != nil {
				return err
			}
			if o.directory == "" {
				return usage("no directory is named").hint("usage: %s", c.UseLine())
			}
			return p.render(c.Context(), w, o)
		},
		ValidArgsFunction: p.completeEnvironments,
	}
	c.Flags().StringVarP(&o.directory, "output", "o", "", "`DIR`ectory that is written")
	c.Flags().StringArrayVar(&o.addresses, "address", nil, "take `HOST=IP` for the address of a machine; may be repeated, for IPv6 too")
	c.Flags().BoolVar(&o.secrets, "with-secrets", false, "write secrets as they are; those that are not generated yet stay masked")
	return c
}

func (p *program) render(ctx context.Context, w words, o *renderOptions) error {
	d, err := p.open(ctx, w)
	if err != nil {
		return err
	}
	if err := d.checkComposed(ctx); err != nil {
		return err
	}
	sight := deploy.Sight{}
	if sight.Addresses, err = d.addresses(o.addresses); err != nil {
		return err
	}
	if o.secrets {
		if err := d.secrets.present(ctx); err != nil {
			return err
		}
		sight.Secret = func(id string) (string, error) { return d.secrets.Value(ctx, id, false) }
		sight.MAC = func(data []byte) (string, error) { return d.secrets.MAC(data, false) }
	} else {
		p.hide = nil // none is read
	}
	list, open, err := deploy.Render(d.graph, d.env, sight)
	if err != nil {
		return usage("%w", err)
	}
	if err := writeRendering(p.path(o.directory), list); err != nil {
		return err
	}
	for _, what := range open {
		p.note("%s is not known yet: it stands in parentheses%s", what, d.learning(what))
	}
	return p.showRendering(list)
}

// learning says how what is open in a rendering could be known.
func (d *deployment) learning(what string) string {
	host, found := strings.CutPrefix(what, "vm:")
	if !found {
		return ", the first deploy makes it"
	}
	host, _, _ = strings.Cut(host, " ")
	return ", --address " + host + "=IP says it"
}

// addresses reads HOST=IP.
func (d *deployment) addresses(given []string) (map[string][]netip.Addr, error) {
	all := map[string][]netip.Addr{}
	for _, g := range given {
		name, text, ok := strings.Cut(g, "=")
		if !ok {
			return nil, usage("--address %q is not HOST=IP", g).hint("for example --address web=203.0.113.7")
		}
		h, err := d.host(trimKind(name, "vm"))
		if err != nil {
			return nil, err
		}
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, usage("--address %q: %q is not an IP address", g, text).hint("for example --address %s=203.0.113.7", h.Name)
		}
		for _, other := range all[h.Name] {
			if other.Is4() == a.Unmap().Is4() {
				return nil, usage("--address: vm %q has two addresses of one family, %s and %s", h.Name, other, a)
			}
		}
		all[h.Name] = append(all[h.Name], a.Unmap())
	}
	return all, nil
}

// renderedBy is the file that says that a directory may be replaced.
const renderedBy = ".torrust-tracker-deployer"

// writeRendering puts the files into a new directory beside dir, which then
// takes its place.
func writeRendering(dir string, list []deploy.Rendering) error {
	dir = filepath.Clean(dir)
	if err := replaceable(dir); err != nil {
		return err
	}
	above := filepath.Dir(dir)
	if err := os.MkdirAll(above, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(above, "."+filepath.Base(dir)+".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := os.WriteFile(filepath.Join(fresh, renderedBy), []byte("written by render, which replaces all of this directory\n"), 0o644); err != nil {
		return err
	}
	for _, r := range list {
		for _, f := range r.Files {
			if err := writeRendered(filepath.Join(fresh, r.Host), f); err != nil {
				return err
			}
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

// writeRendered writes a file below the directory of its machine, and for its
// owner alone where it has, or would have, secrets.
func writeRendered(root string, f deploy.RenderedFile) error {
	name := filepath.Join(root, filepath.Clean("/"+f.Path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if f.Secret {
		mode = 0o600
	}
	return os.WriteFile(name, []byte(f.Text), mode)
}

// replaceable refuses a directory that render has not made.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usage("-o %s: %w", dir, err)
	case len(entries) == 0:
		return nil
	}
	if _, err := os.Lstat(filepath.Join(dir, renderedBy)); err != nil {
		return usage("-o %s: it has files that render did not write", dir).hint("name a directory that is not there yet")
	}
	return nil
}

// showRendering lists what was written.
func (p *program) showRendering(list []deploy.Rendering) error {
	if p.json {
		return writeDocument(p.Out, struct {
			Hosts []deploy.Rendering `json:"hosts"`
		}{append([]deploy.Rendering{}, list...)})
	}
	for _, r := range list {
		for _, f := range r.Files {
			fmt.Fprintf(p.Out, "%s %s %s:%s %s\n", r.Host, f.Mode, f.Owner, f.Group, f.Path)
		}
	}
	return nil
}
