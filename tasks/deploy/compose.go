package deploy

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"go.yaml.in/yaml/v3"
)

// The labels that containers of ours carry.
const (
	labelDigest  = "org.torrust.deployer.digest"  // of the definition and the mounted files
	labelManaged = "org.torrust.deployer.managed" // the environment's id
)

// composeFile is the part of the compose specification that is written.
// https://github.com/compose-spec/compose-spec/blob/main/spec.md
type composeFile struct {
	Name     string                    `yaml:"name"`
	Services map[string]yaml.Node      `yaml:"services"`
	Networks map[string]composeNetwork `yaml:"networks"`
}

type composeNetwork struct {
	EnableIPv6 bool        `yaml:"enable_ipv6"`
	IPAM       composeIPAM `yaml:"ipam"`
}

type composeIPAM struct {
	Config []map[string]string `yaml:"config"`
}

type composeService struct {
	Image           string            `yaml:"image"`
	Command         []string          `yaml:"command,omitempty"`
	Environment     map[string]string `yaml:"environment,omitempty"`
	Ports           []composePort     `yaml:"ports,omitempty"`
	Volumes         []composeVolume   `yaml:"volumes,omitempty"`
	Networks        []string          `yaml:"networks,omitempty"`
	Sysctls         map[string]string `yaml:"sysctls,omitempty"`
	DependsOn       map[string]any    `yaml:"depends_on,omitempty"`
	Health          composeHealth     `yaml:"healthcheck"`
	MemLimit        string            `yaml:"mem_limit,omitempty"`
	CPUs            string            `yaml:"cpus,omitempty"`
	PIDsLimit       int               `yaml:"pids_limit,omitempty"`
	CapDrop         []string          `yaml:"cap_drop,omitempty"`
	CapAdd          []string          `yaml:"cap_add,omitempty"`
	ReadOnly        bool              `yaml:"read_only,omitempty"`
	User            string            `yaml:"user,omitempty"`
	StopGracePeriod string            `yaml:"stop_grace_period,omitempty"`
	Restart         string            `yaml:"restart,omitempty"`
	Labels          map[string]string `yaml:"labels,omitempty"`
}

type composePort struct {
	Target    int    `yaml:"target"`
	Published string `yaml:"published"`
	Protocol  string `yaml:"protocol"`
	HostIP    string `yaml:"host_ip,omitempty"`
}

type composeVolume struct {
	Type     string `yaml:"type"`
	Source   string `yaml:"source"`
	Target   string `yaml:"target"`
	ReadOnly bool   `yaml:"read_only,omitempty"`
}

type composeHealth struct {
	Test        []string `yaml:"test"`
	Interval    string   `yaml:"interval"`
	Timeout     string   `yaml:"timeout"`
	Retries     int      `yaml:"retries"`
	StartPeriod string   `yaml:"start_period"`
}

// definition returns the compose service of s, its values answered by lookup,
// with a label that says what it was made from: the digest of everything in
// it and of the files that it mounts.
func (b *builder) definition(s environments.Service, scope *tasks.Scope, lookup environments.Lookup) (yaml.Node, string, error) {
	var node yaml.Node
	plain, err := b.plain(s, lookup)
	if err != nil {
		return node, "", err
	}
	digest, err := b.serviceDigest(s, scope)
	if err != nil {
		return node, "", err
	}
	plain.Labels = map[string]string{labelDigest: digest, labelManaged: b.env.ID}
	if node, err = yamlNode(plain); err != nil {
		return node, "", err
	}
	if err := merge(&node, s.Extra, lookup); err != nil {
		return node, "", err
	}
	escapeDollars(&node)
	return node, digest, nil
}

// plain returns s in the words of compose.
func (b *builder) plain(s environments.Service, lookup environments.Lookup) (composeService, error) {
	c := composeService{
		Ports: nil, MemLimit: s.Memory, CPUs: s.CPUs, PIDsLimit: s.PIDs, CapDrop: s.CapDrop, CapAdd: s.CapAdd,
		ReadOnly: s.ReadOnly, User: s.User, StopGracePeriod: s.StopGracePeriod, Restart: s.Restart,
		Health: composeHealth{
			Test:     append([]string{"CMD"}, s.Health.Command...),
			Interval: duration(s.Health.Interval), Timeout: duration(s.Health.Timeout),
			Retries: s.Health.Retries, StartPeriod: duration(s.Health.StartPeriod),
		},
	}
	digest, err := digestRef(s).Render(lookup)
	if err != nil {
		return c, err
	}
	c.Image = atDigest(s.Image, digest)
	for _, v := range s.Command {
		word, err := v.Render(lookup)
		if err != nil {
			return c, err
		}
		c.Command = append(c.Command, word)
	}
	if c.Environment, err = rendered(s.Environment, lookup); err != nil {
		return c, err
	}
	if c.Sysctls, err = rendered(s.Sysctls, lookup); err != nil {
		return c, err
	}
	for _, p := range s.Ports {
		c.Ports = append(c.Ports, composePort{p.Port, fmt.Sprint(p.Port), p.Proto, p.Address})
	}
	for _, m := range s.Files {
		c.Volumes = append(c.Volumes, composeVolume{"bind", b.sourceOf(s, m), m.Path, true})
	}
	for _, d := range s.Data {
		c.Volumes = append(c.Volumes, composeVolume{"bind", dataSource(d), d.Path, false})
	}
	if len(s.Networks) > 0 {
		c.Networks = append([]string{"default"}, s.Networks...)
	}
	for _, name := range s.DependsOn {
		if c.DependsOn == nil {
			c.DependsOn = map[string]any{}
		}
		c.DependsOn[name] = map[string]string{"condition": "service_healthy"}
	}
	return c, nil
}

func rendered(list []environments.NamedValue, lookup environments.Lookup) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(list))
	for _, nv := range list {
		v, err := nv.Value.Render(lookup)
		if err != nil {
			return nil, err
		}
		m[nv.Name] = v
	}
	return m, nil
}

// sourceOf returns where a file that s mounts lies on the host.
func (b *builder) sourceOf(s environments.Service, m environments.Mount) string {
	if m.File != "" {
		return b.pathOf(m.File)
	}
	return mountSource(s.Name, m.Path)
}

// pathOf returns where the config_file called name lies.
func (b *builder) pathOf(name string) string {
	for _, f := range b.env.Files {
		if f.Name == name {
			return f.Path
		}
	}
	return ""
}

// serviceDigest is the digest of what a container is made from. With a secret
// in it, it is keyed, so that nobody can guess the secret from a label.
func (b *builder) serviceDigest(s environments.Service, scope *tasks.Scope) (string, error) {
	plain, err := b.plain(s, scope.Lookup)
	if err != nil {
		return "", err
	}
	plain.DependsOn = nil // it orders starts, and is no part of a container
	text, err := yaml.Marshal(plain)
	if err != nil {
		return "", err
	}
	secret := false
	for _, v := range b.values(s) {
		secret = secret || v.Secret()
		t, err := v.Render(scope.Lookup)
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256([]byte(t))
		text = append(text, sum[:]...)
	}
	if secret {
		return scope.MAC(text)
	}
	return digestOf(text), nil
}

// values returns every deferred value that a container of s is made from: not
// those of files that it can read again.
func (b *builder) values(s environments.Service) []environments.Value {
	values := b.written(s)
	for _, m := range s.Files {
		switch {
		case reloads(s):
		case m.Content != nil:
			values = append(values, *m.Content)
		case m.File != "":
			for _, f := range b.env.Files {
				if f.Name == m.File && f.Content != nil {
					values = append(values, *f.Content)
				}
			}
		}
	}
	return values
}

// written returns the values that stand in the compose file.
func (b *builder) written(s environments.Service) []environments.Value {
	values := append([]environments.Value{}, s.Command...)
	for _, nv := range append(append([]environments.NamedValue{}, s.Environment...), s.Sysctls...) {
		values = append(values, nv.Value)
	}
	if s.Extra != nil {
		values = append(values, environments.Value{Kind: environments.Encode, Format: "json", Data: s.Extra})
	}
	return values
}

// merge puts the keys of extra to those of a service.
func merge(node *yaml.Node, extra *environments.Data, lookup environments.Lookup) error {
	if extra == nil || extra.Map == nil {
		return nil
	}
	text, err := environments.Value{Kind: environments.Encode, Format: "yaml", Data: extra}.Render(lookup)
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return err
	}
	over := doc.Content[0].Content
	for i := 0; i < len(over); i += 2 {
		add(node, over[i], over[i+1])
	}
	return nil
}

// add gives a service a key. Labels and volumes are beside those that it has.
func add(node, key, value *yaml.Node) {
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == key.Value {
			node.Content[i+1].Content = append(node.Content[i+1].Content, value.Content...)
			return
		}
	}
	node.Content = append(node.Content, key, value)
}

// escapeDollars keeps compose from taking a dollar for a variable.
func escapeDollars(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode {
		node.Value = strings.ReplaceAll(node.Value, "$", "$$")
	}
	for _, n := range node.Content {
		escapeDollars(n)
	}
}

// network is the network of the environment on a host: IPv4 as docker
// chooses, IPv6 by a prefix of its own (RFC 4193), so that containers see the
// real addresses of IPv6 clients.
func network(id, name string) composeNetwork {
	sum := sha256.Sum256([]byte(id + "/" + name))
	var a [16]byte
	a[0] = 0xfd
	copy(a[1:8], sum[:7])
	prefix := netip.PrefixFrom(netip.AddrFrom16(a), 64).Masked()
	return composeNetwork{EnableIPv6: true, IPAM: composeIPAM{Config: []map[string]string{{"subnet": prefix.String()}}}}
}

// file returns the compose file of a host.
func (b *builder) composeText(services []environments.Service, scope *tasks.Scope, lookup environments.Lookup) (string, error) {
	f := composeFile{
		Name: b.project(), Services: map[string]yaml.Node{},
		Networks: map[string]composeNetwork{"default": network(b.env.ID, "default")},
	}
	for _, s := range services {
		node, _, err := b.definition(s, scope, lookup)
		if err != nil {
			return "", err
		}
		f.Services[s.Name] = node
		for _, n := range s.Networks {
			f.Networks[n] = network(b.env.ID, n)
		}
	}
	return yamlText(f)
}

func duration(nanoseconds int64) string { return time.Duration(nanoseconds).String() }

// composePath is where the compose file of a host lies.
const composePath = hosts.StackDirectory + "/compose.yaml"
