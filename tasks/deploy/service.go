package deploy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// settle is how long a restart count has to stay put after a start.
const settle = 2 * time.Second

// releasesKept is how many releases a machine keeps for rollback and audit.
const releasesKept = 5

// compose adds what the services of a host share: the compose file and the
// release that is saved of it.
func (b *builder) compose(h environments.Host, services []environments.Service) {
	name := h.Name
	file := &tasks.Node{ID: "compose:" + name, Stage: tasks.StageRelease, Host: name, Position: h.Position}
	file.Resource = files{list: []content{{
		Path: composePath, Mode: "0600", Owner: "root", Group: "root", Secret: b.anySecret(services),
		Text: func(scope *tasks.Scope, lookup environments.Lookup) (string, error) {
			return b.composeText(services, scope, lookup)
		},
	}}}
	release := &tasks.Node{ID: "release:" + name, Stage: tasks.StageRelease, Host: name, Position: h.Position}
	of := []string{file.ID}
	for _, s := range services {
		file.Edges = append(file.Edges, tasks.Edge{To: "image:" + s.Name, Field: "image", Position: s.Position})
		refs(file, b.values(s)...)
		if len(b.mounts(s)) > 0 {
			of = append(of, "config:"+s.Name)
		}
	}
	b.add(file, "stack:"+name)
	release.Resource = savedRelease{of: of}
	b.add(release, of...)
	b.exposure(h, services)
}

func (b *builder) anySecret(services []environments.Service) bool {
	for _, s := range services {
		if slices.ContainsFunc(b.written(s), environments.Value.Secret) {
			return true
		}
	}
	return false
}

// service adds the nodes of a compose_service().
func (b *builder) service(s environments.Service) {
	host, at := s.Host, s.Position
	b.add(&tasks.Node{
		ID: "image:" + s.Name, Stage: tasks.StageRelease, Host: host, Position: at,
		Resource: image{service: s.Name, reference: s.Image, was: b.was("service:" + s.Name)},
	}, "docker:"+host, b.registriesOf(host))
	run := &tasks.Node{ID: "service:" + s.Name, Stage: tasks.StageRun, Host: host, Position: at}
	needs := []string{"compose:" + host, "release:" + host, "image:" + s.Name, "kernel:" + host, b.guardOf(host)}
	if mounts := b.mounts(s); len(mounts) > 0 {
		config := &tasks.Node{
			ID: "config:" + s.Name, Stage: tasks.StageRelease, Host: host, Position: at, Resource: files{list: mounts},
		}
		for _, m := range s.Files {
			if m.Content != nil {
				refs(config, *m.Content)
			}
		}
		b.add(config, "stack:"+host)
		needs = append(needs, config.ID)
	}
	for _, m := range s.Files {
		if m.File != "" {
			needs = append(needs, "file:"+m.File)
		}
	}
	for _, d := range s.DependsOn {
		needs = append(needs, "service:"+d)
	}
	run.Resource = service{builder: b, service: s, sources: sourceNodes(s)}
	b.add(run, needs...)
}

// sourceNodes returns the nodes whose change restarts the service.
func sourceNodes(s environments.Service) []string {
	nodes := []string{"service:" + s.Name}
	for _, m := range s.Files {
		if m.File != "" {
			nodes = append(nodes, "file:"+m.File)
		} else {
			nodes = append(nodes, "config:"+s.Name)
		}
	}
	return nodes
}

// service is a container that runs, is healthy, and was made from what is
// declared: the label that it carries is the digest of its definition and of
// the files that it mounts.
type service struct {
	builder *builder
	service environments.Service
	sources []string
}

func (r service) compose() hosts.ComposeQuery {
	return hosts.ComposeQuery{Project: r.builder.project()}
}

// data are the directories that outlive the container. What is in them is the
// service's own: owner and mode are set once.
func (r service) data() directories {
	var list directories
	for _, d := range r.service.Data {
		owner, group, both := strings.Cut(d.Owner, ":")
		if !both {
			group = owner
		}
		if owner == "" {
			owner, group = "root", "root"
		}
		mode := d.Mode
		if mode == "" {
			mode = "0755"
		}
		list = append(list, hosts.MakeDirectory{Path: dataSource(d), Mode: mode, Owner: owner, Group: group, Once: true})
	}
	return list
}

// Queries asks for the project's containers and for the data directories.
func (r service) Queries(s *tasks.Scope) ([]hosts.Query, error) {
	queries, err := r.data().Queries(s)
	return append(queries, append(r.refused(), r.compose())...), err
}

// Diff creates, recreates or starts the container, or makes it read its files
// again.
func (r service) Diff(s *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	name := r.service.Name
	if err := r.refuse(facts); err != nil {
		return tasks.Change{}, err
	}
	c, err := r.data().Diff(s, facts)
	if err != nil {
		return c, err
	}
	container, there := r.find(facts)
	if !there {
		c.Act, c.Reason = tasks.ActCreate, ""
	}
	digest, err := r.builder.serviceDigest(r.service, s)
	if err != nil {
		if there {
			c.Restarts, c.Downtime = []string{name}, r.downtime()
		}
		return c, err
	}
	c.Owned = r.owned(s)
	id, _ := s.Outputs("image:"+name, "id")
	again := slices.ContainsFunc(r.sources, s.Changed)
	files, was := "", r.loaded(facts)
	if reloads(r.service) {
		if files, err = r.builder.filesDigest(r.service, s); err != nil {
			if there {
				c.Reloads = []string{name}
			}
			return c, err
		}
		c.Owned.Loaded = was
	}
	if there {
		c.Fields = append(c.Fields, r.fields(container, digest, id)...)
		if len(c.Fields) == 0 {
			c.Reason = r.why(s, files == was)
		}
	}
	switch stale := again || files != was; {
	case there && !stale && len(c.Fields) == 0:
		return c, nil
	case there && len(c.Fields) == 0 && reloads(r.service):
		c.Act, c.Reloads = tasks.ActUpdate, []string{name}
		c.Operations = append(c.Operations, r.reload(), r.record(*c.Owned, files))
		return c, nil
	case there:
		c.Act, c.Restarts, c.Downtime = tasks.ActUpdate, []string{name}, r.downtime()
	}
	c.Operations = append(c.Operations, r.up(there && (again || files != was))...)
	if files != was {
		c.Operations = append(c.Operations, r.record(*c.Owned, files))
	}
	return c, nil
}

// why says why a container that is as declared is worked on, "" when it is
// not.
func (r service) why(s *tasks.Scope, loaded bool) string {
	switch {
	case s.Changed("service:" + r.service.Name):
		return "an earlier run did not finish it"
	case slices.ContainsFunc(r.sources, s.Changed):
		return "its files change"
	case !loaded:
		return "its container has not read its files as they are"
	}
	return ""
}

// downtime says what users notice when the container is made again.
func (r service) downtime() string {
	text := r.service.Name + " restarts"
	if grace := time.Duration(r.service.Health.StartPeriod); grace > 0 {
		text += fmt.Sprintf(", up to %s until it is healthy", grace)
	}
	return text
}

// up starts the container, made anew where recreate is set or its definition
// differs.
func (r service) up(recreate bool) []hosts.Operation {
	ops := []hosts.Operation{hosts.ComposeUp{
		Project: r.builder.project(), Directory: hosts.StackDirectory, Services: []string{r.service.Name},
		Recreate: recreate, Timeout: r.patience(), Settle: settle,
	}}
	if ports := r.udp(); len(ports) > 0 {
		ops = append(ops, hosts.FlushConntrack{Proto: "udp", Ports: ports})
	}
	return ops
}

func (r service) find(facts hosts.Facts) (hosts.Container, bool) {
	f, ok := hosts.Find[*hosts.ComposeFact](facts, r.compose())
	if !ok {
		return hosts.Container{}, false
	}
	i := slices.IndexFunc(f.Containers, func(c hosts.Container) bool { return c.Service == r.service.Name })
	if i < 0 {
		return hosts.Container{}, false
	}
	return f.Containers[i], true
}

// fields returns how a container differs from what is declared.
func (r service) fields(c hosts.Container, digest, image string) []tasks.FieldChange {
	var fields []tasks.FieldChange
	differ := func(name, old, wanted string) {
		if old != wanted {
			fields = append(fields, tasks.FieldChange{Name: name, Old: old, New: wanted})
		}
	}
	differ("state", c.State, "running")
	if c.State == "running" {
		differ("health", c.Health, "healthy")
	}
	differ("definition", short(c.Labels[labelDigest]), short(digest))
	if image != "" {
		differ("image", short(c.ImageID), short(image))
	}
	if r.service.Restart != "" && c.Restart != "" {
		differ("restart", c.Restart, r.service.Restart)
	}
	return fields
}

func short(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return digest[:min(12, len(digest))]
}

// owned lists the container, its data, and what its image was resolved to.
func (r service) owned(s *tasks.Scope) *hosts.Owned {
	o := &hosts.Owned{Project: r.builder.project(), Services: []string{r.service.Name}}
	for _, d := range r.service.Data {
		o.Data = append(o.Data, dataSource(d))
	}
	if digest, ok := s.Outputs("image:"+r.service.Name, "digest"); ok {
		o.Pins = map[string]string{r.service.Image: digest}
	}
	return o
}

// patience is how long a start may take: the time that its health check
// allows, and a minute for a slow machine.
func (r service) patience() time.Duration {
	h := r.service.Health
	return time.Duration(h.StartPeriod+int64(h.Retries)*(h.Interval+h.Timeout)) + time.Minute
}

func (r service) udp() []int {
	var ports []int
	for _, p := range r.service.Ports {
		if p.Proto == "udp" {
			ports = append(ports, p.Port)
		}
	}
	return ports
}

// savedRelease keeps a copy of the compose file and the mounted files, for
// rollback and audit, whenever one of them changes.
type savedRelease struct{ of []string }

// Queries asks for the number of the newest release.
func (savedRelease) Queries(*tasks.Scope) ([]hosts.Query, error) {
	return []hosts.Query{hosts.ManifestQuery{}}, nil
}

// Diff saves a release when something of it changes or there is none.
func (r savedRelease) Diff(s *tasks.Scope, facts hosts.Facts) (tasks.Change, error) {
	m, ok := hosts.Find[*hosts.Manifest](facts, hosts.ManifestQuery{})
	newest := 0
	if ok && m != nil {
		newest = m.Release
	}
	if newest > 0 && !slices.ContainsFunc(r.of, s.Changed) {
		return tasks.Change{}, nil
	}
	return tasks.Change{
		Act: tasks.ActCreate,
		Fields: []tasks.FieldChange{{
			Name: "release", Old: fmt.Sprint(newest), New: fmt.Sprint(newest + 1),
		}},
		Operations: []hosts.Operation{hosts.SaveRelease{Directory: hosts.StackDirectory, Keep: releasesKept}},
	}, nil
}
