package deploy

import (
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// backup adds a backup(): the configuration that says what is saved, when, and
// how long it is kept.
func (b *builder) backup(x environments.Backup) {
	n := &tasks.Node{ID: "backup:" + x.Name, Stage: tasks.StageRun, Host: x.Host, Position: x.Position}
	n.Resource = files{list: []content{{
		Path: pathIn(hosts.StackDirectory+"/backup", x.Name+".yaml"), Mode: "0600", Owner: "root", Group: "root",
		Text: func(*tasks.Scope, environments.Lookup) (string, error) { return b.backupText(x) },
	}}}
	needs := []string{"stack:" + x.Host}
	for _, d := range x.Of {
		needs = append(needs, "service:"+d.Service)
	}
	b.add(n, needs...)
}

// backupConfiguration is what is written of a backup.
type backupConfiguration struct {
	Name       string         `yaml:"name"`
	Schedule   string         `yaml:"schedule"`    // five fields of cron
	OnCalendar []string       `yaml:"on_calendar"` // the same for a timer of systemd
	KeepDays   int            `yaml:"keep_days"`
	To         string         `yaml:"to,omitempty"`
	Of         []backupSource `yaml:"of"`
}

// backupSource is what is saved of a service. Paths are on the machine.
type backupSource struct {
	Service string   `yaml:"service"`
	SQLite  []string `yaml:"sqlite,omitempty"`
	Dump    []string `yaml:"dump,omitempty,flow"` // run in the container
	Paths   []string `yaml:"paths,omitempty"`
}

func (b *builder) backupText(x environments.Backup) (string, error) {
	schedule, err := environments.ParseSchedule(x.Schedule)
	if err != nil {
		return "", err
	}
	c := backupConfiguration{
		Name: x.Name, Schedule: x.Schedule, OnCalendar: schedule.Calendar(), KeepDays: x.KeepDays, To: x.To,
	}
	for _, d := range x.Of {
		s, _ := b.env.Service(d.Service)
		c.Of = append(c.Of, backupSource{
			Service: d.Service, SQLite: onMachine(s, d.SQLite), Dump: d.Dump, Paths: onMachine(s, d.Paths),
		})
	}
	return yamlText(c)
}

// onMachine returns where paths of a container lie on its machine; the
// innermost data directory counts.
func onMachine(s environments.Service, paths []string) []string {
	var list []string
	for _, p := range paths {
		best := environments.DataMount{}
		for _, d := range s.Data {
			if (p == d.Path || strings.HasPrefix(p, d.Path+"/")) && len(d.Path) > len(best.Path) {
				best = d
			}
		}
		list = append(list, dataSource(best)+strings.TrimPrefix(p, best.Path))
	}
	return list
}
