package deploy

import (
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// dockerHub is what docker calls its own registry where it keeps logins; in
// references of images it is docker.io, or nothing.
const dockerHub = "https://index.docker.io/v1/"

// registries adds how a host logs in to registries: a file that only our own
// pulls read. What somebody has logged in to by hand there is left alone.
func (b *builder) registries(h environments.Host) {
	if len(h.Registries) == 0 {
		return
	}
	text := func(s string) environments.Data {
		v := environments.Text(s)
		return environments.Data{Text: &v}
	}
	dict := func(pairs ...environments.Pair) environments.Data { return environments.Data{Map: &pairs} }
	var logins []environments.Pair
	for _, r := range h.Registries {
		name := r.Name
		if name == "docker.io" {
			name = dockerHub
		}
		logins = append(logins, environments.Pair{Key: name, Value: dict(
			environments.Pair{Key: "username", Value: text(r.Login.User)},
			environments.Pair{Key: "password", Value: environments.Data{Text: &r.Login.Password}},
		)})
	}
	all := dict(environments.Pair{Key: "auths", Value: dict(logins...)})
	b.add(&tasks.Node{
		ID: "registries:" + h.Name, Stage: tasks.StageConfigure, Host: h.Name, Position: h.Position,
		Resource: files{list: []content{{
			Path: hosts.RegistryLogins, Text: textOf(environments.Value{Kind: environments.Encode, Format: "json", Data: &all}),
			Secret: true, Mode: "0600", Owner: "root", Group: "root",
		}}},
	}, "system:"+h.Name)
}

// registriesOf returns the id of the node with the logins of a host, "" where
// there are none.
func (b *builder) registriesOf(host string) string {
	if h, ok := b.env.Host(host); !ok || len(h.Registries) == 0 {
		return ""
	}
	return "registries:" + host
}
