package main

import "path/filepath"

// base returns a base directory of the XDG specification: the variable, or
// its default under the home directory.
func (p *program) base(variable, fallback string) string {
	if dir := p.getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(p.getenv("HOME"), fallback)
}

// ageKey is the operator's key file.
func (p *program) ageKey() string {
	return filepath.Join(p.base("XDG_CONFIG_HOME", ".config"), programName, "age.key")
}

// identities are the key files that the command line names.
func (p *program) identities() []string {
	var list []string
	for _, name := range p.identity {
		list = append(list, filepath.Clean(p.path(name)))
	}
	return list
}

// stateDirectory holds the records of the environment with an id.
func (p *program) stateDirectory(id string) string {
	return filepath.Join(p.base("XDG_STATE_HOME", ".local/state"), programName, id)
}

// dataDirectory holds virtual machines.
func (p *program) dataDirectory() string {
	return filepath.Join(p.base("XDG_DATA_HOME", ".local/share"), programName)
}

// cacheDirectory holds images.
func (p *program) cacheDirectory() string {
	return filepath.Join(p.base("XDG_CACHE_HOME", ".cache"), programName)
}
