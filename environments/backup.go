package environments

// A Backup saves data of services again and again; its node is "backup:NAME".
type Backup struct {
	Declared
	Host     string    `json:"host"`
	Of       []Dataset `json:"of"`
	Schedule string    `json:"schedule"`     // as ParseSchedule reads it
	KeepDays int       `json:"keepDays"`     // older copies are deleted
	To       string    `json:"to,omitempty"` // a repository elsewhere; "" = on the machine only
}

// Needs returns the node ids of the host and the services.
func (b Backup) Needs() []string {
	needs := []string{"vm:" + b.Host}
	for _, d := range b.Of {
		needs = append(needs, "service:"+d.Service)
	}
	return needs
}

// A Dataset is what of a service is worth saving. Paths are in the container,
// each below one of its data directories.
type Dataset struct {
	Service string   `json:"service"`
	SQLite  []string `json:"sqlite,omitempty"` // SQLite databases that are in use
	Dump    []string `json:"dump,omitempty"`   // argv run in the container whose output is saved
	Paths   []string `json:"paths,omitempty"`  // files and directories, copied as they are
}
