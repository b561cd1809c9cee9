package deploy

import (
	"crypto/sha256"
	"fmt"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A service with reload = … reads its files again without being made anew.
// What its container has read is not in its label then, which only another
// container could change, but in the machine's manifest: recorded after a
// reload that went well, or a start. Whoever finds another digest there than
// that of the declared files, on whatever computer, reloads.
//
// A container is bound to the inode of a file that is mounted on its own. Such
// files are written in place; where something else has replaced one, the
// machine notices and restarts the container.

// reloads reports whether the service reads its files again while it runs.
func reloads(s environments.Service) bool { return len(s.Reload) > 0 && len(s.Files) > 0 }

// reloadsWith reports whether a service that reloads mounts the config_file
// called name.
func (b *builder) reloadsWith(name string) bool {
	for _, s := range b.env.Services {
		for _, m := range s.Files {
			if m.File == name && reloads(s) {
				return true
			}
		}
	}
	return false
}

// filesDigest is the digest of the files that s mounts, with their paths in
// the container. With a secret in one of them it is keyed.
func (b *builder) filesDigest(s environments.Service, scope *tasks.Scope) (string, error) {
	var all []byte
	secret := false
	for _, m := range s.Files {
		v, err := b.mounted(m, scope)
		if err != nil {
			return "", err
		}
		secret = secret || v.Secret()
		text, err := v.Render(scope.Lookup)
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256([]byte(text))
		all = fmt.Appendf(all, "%x %s\n", sum, m.Path)
	}
	if secret {
		return scope.MAC(all)
	}
	return digestOf(all), nil
}

// mounted returns what is mounted by m.
func (b *builder) mounted(m environments.Mount, scope *tasks.Scope) (environments.Value, error) {
	if m.Content != nil {
		return *m.Content, nil
	}
	for _, f := range b.env.Files {
		switch {
		case f.Name != m.File:
		case f.Content != nil:
			return *f.Content, nil
		default:
			data, err := b.sourced(f).bytes(scope)
			return environments.Text(string(data)), err
		}
	}
	return environments.Value{}, fmt.Errorf("config_file %q is not declared", m.File)
}

// loaded is the digest of the files that the running container has read, as
// far as is recorded.
func (r service) loaded(facts hosts.Facts) string {
	m, ok := hosts.Find[*hosts.Manifest](facts, hosts.ManifestQuery{})
	if !ok || m == nil {
		return ""
	}
	return m.Owned["service:"+r.service.Name].Loaded
}

// record returns what notes that the container has read the files with this
// digest: owned, as it is listed already, with it.
func (r service) record(owned hosts.Owned, digest string) hosts.Operation {
	owned.Loaded = digest
	return hosts.Own{
		Environment: r.builder.env.ID, Name: r.builder.env.Name,
		Set: map[string]hosts.Owned{"service:" + r.service.Name: owned},
	}
}

// reload returns the operation that makes the running container read its
// files again.
func (r service) reload() hosts.Operation {
	o := hosts.ComposeReload{
		Project: r.builder.project(), Service: r.service.Name, Argv: r.service.Reload,
		Timeout: r.patience(), Settle: settle,
	}
	for _, m := range r.service.Files {
		o.Binds = append(o.Binds, hosts.Bind{Source: r.builder.sourceOf(r.service, m), Target: m.Path})
	}
	return o
}
