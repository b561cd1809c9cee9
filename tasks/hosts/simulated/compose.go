package simulated

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// composeFile is the part of a compose file that a simulated machine acts on.
type composeFile struct {
	Services map[string]map[string]any `yaml:"services"`
}

func (m *Machine) composeFile(directory string) (*composeFile, error) {
	data, err := os.ReadFile(m.at(directory + "/compose.yaml"))
	if err != nil {
		return nil, fmt.Errorf("%s/compose.yaml: %w", directory, plain(err))
	}
	var f composeFile
	if err := yaml.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%s/compose.yaml: %w", directory, err)
	}
	return &f, nil
}

func (s *state) dockerAnswers() error {
	if !s.Units["docker.service"].Active {
		return errors.New("cannot connect to the docker daemon")
	}
	return nil
}

func (m *Machine) pull(s *state, o hosts.PullImage, progress func(string)) (hosts.Result, error) {
	if err := s.dockerAnswers(); err != nil {
		return hosts.Result{}, err
	}
	image, there := s.Images[o.Reference]
	changed := !there
	if !there || o.Always {
		progress("Pulling " + o.Reference)
		fresh, err := m.image(s, o.Reference)
		if err != nil {
			return hosts.Result{}, err
		}
		changed = changed || fresh != image
		image = fresh
		s.Images[o.Reference] = image
	}
	return hosts.Result{Changed: changed, Values: map[string]string{"digest": image.Digest, "id": image.ID}}, nil
}

// image returns what any registry has under a reference: under a digest, the
// image that a tag with that digest means too.
func (m *Machine) image(s *state, reference string) (hosts.Image, error) {
	f, err := m.system(s)
	if err != nil {
		return hosts.Image{}, err
	}
	_, sum, pinned := strings.Cut(reference, "@")
	if !pinned {
		sum = "sha256:" + digest([]byte(reference))
	}
	return hosts.Image{ID: "sha256:" + digest([]byte("image "+sum)), Digest: sum, Architecture: f.Architecture}, nil
}

func (s *state) compose(project string) *hosts.ComposeFact {
	fact := &hosts.ComposeFact{}
	if s.dockerAnswers() != nil {
		return fact
	}
	for _, c := range s.Containers {
		if c.Project == project {
			fact.Containers = append(fact.Containers, c.Container)
		}
	}
	return fact
}

func (m *Machine) composeUp(s *state, o hosts.ComposeUp, progress func(string)) (bool, error) {
	if err := s.dockerAnswers(); err != nil {
		return false, err
	}
	f, err := m.composeFile(o.Directory)
	if err != nil {
		return false, err
	}
	changed := false
	for _, name := range o.Services {
		did, err := m.serviceUp(s, f, o, name)
		if err != nil {
			return changed, err
		}
		if did {
			progress("Container " + o.Project + "-" + name + "-1  Started")
		}
		changed = changed || did
	}
	return changed, nil
}

func (m *Machine) serviceUp(s *state, f *composeFile, o hosts.ComposeUp, name string) (bool, error) {
	definition, ok := f.Services[name]
	if !ok {
		return false, fmt.Errorf("no such service: %s", name)
	}
	hash, err := definitionDigest(definition)
	if err != nil {
		return false, err
	}
	reference, ok := definition["image"].(string)
	if !ok {
		return false, fmt.Errorf("service %q has no image", name)
	}
	if _, there := s.Images[reference]; !there {
		if s.Images[reference], err = m.image(s, reference); err != nil {
			return false, err
		}
	}
	imageID := s.Images[reference].ID
	i := s.container(o.Project, name)
	if i >= 0 && s.Containers[i].Definition == hash && s.Containers[i].Container.ImageID == imageID && !o.Recreate {
		return s.start(i, definition), nil
	}
	c := hosts.Container{Service: name, ID: s.next(), ImageID: imageID, State: "created", Restart: text(definition["restart"])}
	c.Labels = labels(definition["labels"])
	c.Labels["com.docker.compose.project"] = o.Project
	c.Labels["com.docker.compose.service"] = name
	c.Labels["com.docker.compose.config-hash"] = hash
	made := container{Project: o.Project, Definition: hash, Container: c}
	if i < 0 {
		s.Containers = append(s.Containers, made)
		i = len(s.Containers) - 1
	} else {
		s.Containers[i] = made
	}
	return s.start(i, definition), nil
}

// start makes a container run, healthy where it has a health check.
func (s *state) start(i int, definition map[string]any) bool {
	c := &s.Containers[i].Container
	if c.State == "running" {
		return false
	}
	s.Counter++
	c.State, c.Started, c.Health = "running", s.now(), ""
	if definition["healthcheck"] != nil {
		c.Health = "healthy"
	}
	return true
}

// container returns the index of a service's container, -1 for none.
func (s *state) container(project, service string) int {
	return slices.IndexFunc(s.Containers, func(c container) bool {
		return c.Project == project && c.Container.Service == service
	})
}

// definitionDigest is compose's config hash in spirit: what a container is
// made of, without what only orders the start.
func definitionDigest(definition map[string]any) (string, error) {
	made := map[string]any{}
	for key, value := range definition {
		switch key {
		case "build", "pull_policy", "scale", "depends_on", "profiles":
		default:
			made[key] = value
		}
	}
	data, err := json.Marshal(made)
	return digest(data), err
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// labels reads either form of a compose file's labels.
func labels(v any) map[string]string {
	out := map[string]string{}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			out[key] = text(value)
		}
	case []any:
		for _, entry := range v {
			key, value, _ := strings.Cut(text(entry), "=")
			out[key] = value
		}
	}
	return out
}

func (s *state) composeDown(o hosts.ComposeDown) bool {
	before := len(s.Containers)
	s.Containers = slices.DeleteFunc(s.Containers, func(c container) bool {
		named := len(o.Services) == 0 || slices.Contains(o.Services, c.Container.Service)
		return c.Project == o.Project && named
	})
	return len(s.Containers) != before
}

func (s *state) composeAction(o hosts.ComposeAction) (bool, error) {
	changed := false
	for _, name := range o.Services {
		i := s.container(o.Project, name)
		if i < 0 {
			return changed, fmt.Errorf("service %q has no container", name)
		}
		c := &s.Containers[i].Container
		running := c.State == "running"
		switch {
		case o.Action == "stop" && running:
			c.State, c.Health = "exited", ""
		case o.Action == "start" && !running, o.Action == "restart":
			s.Counter++
			c.State, c.Started = "running", s.now()
		default:
			continue
		}
		changed = true
	}
	return changed, nil
}

// composeReload answers as commands.json says of the command. A simulated
// container sees whatever is at the paths that are mounted in it.
func (m *Machine) composeReload(s *state, o hosts.ComposeReload, progress func(string)) (hosts.Result, error) {
	if err := s.dockerAnswers(); err != nil {
		return hosts.Result{}, err
	}
	if i := s.container(o.Project, o.Service); i < 0 || s.Containers[i].Container.State != "running" {
		return hosts.Result{}, fmt.Errorf("service %q does not run", o.Service)
	}
	for _, b := range o.Binds {
		if _, err := os.Stat(m.at(b.Source)); err != nil {
			return hosts.Result{}, fmt.Errorf("%s: %w", b.Source, plain(err))
		}
	}
	result, err := m.run(hosts.Run{Argv: o.Argv}, progress)
	if err != nil {
		err = errors.New(strings.TrimSpace(result.Output + err.Error()))
	}
	return hosts.Result{Changed: err == nil}, err
}
