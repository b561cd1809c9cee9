package deploy

import (
	"fmt"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// image is the image of a service. Its tag is resolved once, by the machine's
// own daemon when it pulls; from then on the digest that the manifest holds
// for this very string is meant, wherever the tag has moved.
type image struct {
	service   string
	reference string
	was       []string // ids of the service before it was renamed
}

func (r image) query() hosts.ImageQuery {
	return hosts.ImageQuery{References: []string{r.reference}}
}

// Queries asks whether the image is there.
func (r image) Queries(*tasks.Scope) ([]hosts.Query, error) {
	return []hosts.Query{r.query()}, nil
}

// Diff pulls an image that is not there. Its outputs are "digest", the
// repository's, and "id", the daemon's.
func (r image) Diff(_ *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	pinned := r.pinned(facts)
	var there hosts.Image
	if f, ok := hosts.Find[*hosts.ImageFact](facts, r.query()); ok {
		there = f.Images[r.reference]
	}
	if there.ID != "" && there.Digest != "" && (pinned == "" || pinned == there.Digest) {
		return tasks.Change{Outputs: map[string]string{"digest": there.Digest, "id": there.ID}}, nil
	}
	c := tasks.Change{
		Act: tasks.ActCreate, Fields: []tasks.FieldChange{{Name: "image", New: r.reference}},
		Operations: []hosts.Operation{hosts.PullImage{Reference: r.reference}},
	}
	if pinned != "" {
		c.Act = tasks.ActUpdate
		c.Fields = []tasks.FieldChange{{Name: "image", Old: there.Digest, New: pinned}}
		c.Operations = []hosts.Operation{hosts.PullImage{Reference: atDigest(r.reference, pinned)}}
	}
	return c, nil
}

// pinned returns the digest that the reference was resolved to, "" when it
// never was.
func (r image) pinned(facts hosts.Facts) string {
	m, ok := hosts.Find[*hosts.Manifest](facts, hosts.ManifestQuery{})
	if !ok {
		return ""
	}
	for _, id := range append([]string{"service:" + r.service}, r.was...) {
		if digest := m.Owned[id].Pins[r.reference]; digest != "" {
			return digest
		}
	}
	return ""
}

// atDigest returns reference with digest in the place of its tag, as it is
// while no digest is known.
func atDigest(reference, digest string) string {
	name, _, pinned := strings.Cut(reference, "@")
	if pinned || digest == "" {
		return reference
	}
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	return name + "@" + digest
}

// digestRef is the value that is the digest of the image of a service.
func digestRef(s environments.Service) environments.Value {
	return environments.Value{Kind: environments.Ref, Node: "image:" + s.Name, Attribute: "digest", Position: s.Position}
}

// mounts are the files of a service, as they lie on its host.
func (b *builder) mounts(s environments.Service) []content {
	var list []content
	for _, m := range s.Files {
		if m.Content == nil {
			continue
		}
		c := content{
			Path: mountSource(s.Name, m.Path), Text: textOf(*m.Content), Secret: m.Content.Secret(), Mode: m.Mode,
			Pinned: len(s.Reload) > 0,
		}
		if c.Mode == "" {
			c.Mode = "0644"
			if m.Content.Secret() {
				c.Mode = "0600"
			}
		}
		owner, group, both := strings.Cut(m.Owner, ":")
		if !both {
			group = owner
		}
		if owner == "" {
			owner, group = "root", "root"
		}
		c.Owner, c.Group = owner, group
		list = append(list, c)
	}
	return list
}

// mountSource is where a file that a container sees at path lies on the host.
func mountSource(service, path string) string {
	return pathIn(fmt.Sprintf("%s/config/%s", hosts.StackDirectory, service), path)
}

// dataSource is where the directory of a mount lies on the host.
func dataSource(d environments.DataMount) string {
	if d.Disk == "system" {
		return pathIn(hosts.StackDirectory+"/state", d.Name)
	}
	return pathIn(hosts.StackDirectory+"/data", d.Name)
}
