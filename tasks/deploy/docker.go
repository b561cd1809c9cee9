package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

const daemonFile = "/etc/docker/daemon.json"

// docker is the container engine with its settings. daemon.json is merged: what
// somebody else put there stays, and stays when we are gone.
type docker struct{ mirrors []string }

// daemonQuery always brings the file back: merging needs it.
var daemonQuery = hosts.FileQuery{Path: daemonFile, Digest: hosts.AnyContent}

// Queries asks for the settings and the unit.
func (docker) Queries(*tasks.Scope) ([]hosts.Query, error) {
	return []hosts.Query{daemonQuery, hosts.UnitQuery{Name: "docker.service"}}, nil
}

// settings are the keys of daemon.json that are ours. Logs are unlimited by
// default, and a tracker logs every bad packet.
func (r docker) settings(facts hosts.Facts) map[string]any {
	s := map[string]any{
		"log-driver": "json-file",
		"log-opts":   map[string]any{"max-size": "10m", "max-file": "3"},
	}
	if len(r.mirrors) > 0 {
		mirrors := make([]any, len(r.mirrors))
		for i, m := range r.mirrors {
			mirrors[i] = m
		}
		s["registry-mirrors"] = mirrors
	}
	f, ok := hosts.Find[*hosts.SystemFact](facts, hosts.SystemQuery{})
	if ok && releases[f.OS+" "+f.Version].ip6tables {
		s["experimental"], s["ip6tables"] = true, true
	}
	return s
}

func daemonText(settings map[string]any) ([]byte, error) {
	text, err := json.MarshalIndent(settings, "", "  ")
	return append(text, '\n'), err
}

// Diff merges the settings and restarts the daemon when they changed.
func (r docker) Diff(_ *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	f, asked := hosts.Find[*hosts.FileFact](facts, daemonQuery)
	if !asked {
		f = &hosts.FileFact{}
	}
	old := map[string]any{}
	if len(bytes.TrimSpace(f.Content)) > 0 {
		if err := json.Unmarshal(f.Content, &old); err != nil {
			return tasks.Change{}, fmt.Errorf("%s on the machine is not JSON: %w", daemonFile, err)
		}
	}
	merged := maps.Clone(old)
	maps.Copy(merged, r.settings(facts))
	var c tasks.Change
	action := ""
	if !reflect.DeepEqual(old, merged) {
		text, err := daemonText(merged)
		if err != nil {
			return c, err
		}
		c.Act = tasks.ActUpdate
		if f.Type == "" {
			c.Act = tasks.ActCreate
		}
		c.Files = []tasks.FileChange{{
			Path: daemonFile, Diff: udiff.Unified(daemonFile, daemonFile, string(f.Content), string(text)),
		}}
		write := hosts.WriteFile{Path: daemonFile, Content: text, Mode: "0644", Owner: "root", Group: "root"}
		if asked {
			write.Replaces = &f.Version
		}
		c.Operations = append(c.Operations, write)
		action = "restart"
		if f.Type != "" {
			c.Downtime = "every container restarts with the docker daemon"
		}
	}
	u, ok := hosts.Find[*hosts.UnitFact](facts, hosts.UnitQuery{Name: "docker.service"})
	if !ok {
		u = &hosts.UnitFact{}
	}
	if !u.Active && action == "" {
		action = "start"
	}
	if !u.Active || !u.Enabled {
		c.Fields = append(c.Fields, tasks.FieldChange{
			Name: "docker.service", Old: unitState(u), New: "enabled, active",
		})
	}
	if action == "" && u.Enabled {
		return c, nil
	}
	if c.Act == "" {
		c.Act = tasks.ActUpdate
	}
	c.Operations = append(c.Operations, hosts.SetUnit{Name: "docker.service", Enabled: true, Action: action})
	return c, nil
}

func unitState(u *hosts.UnitFact) string {
	if !u.Exists {
		return ""
	}
	words := []string{"disabled", "inactive"}
	if u.Enabled {
		words[0] = "enabled"
	}
	if u.Active {
		words[1] = "active"
	}
	return strings.Join(words, ", ")
}
