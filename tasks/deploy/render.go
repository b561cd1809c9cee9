package deploy

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// A Rendering is every file that a deployment writes on one machine.
type Rendering struct {
	Host  string         `json:"host"`
	Files []RenderedFile `json:"files"` // by path
}

// A RenderedFile is a file as it is to be on the machine.
type RenderedFile struct {
	Path   string `json:"path"`
	Mode   string `json:"mode"`
	Owner  string `json:"owner"`
	Group  string `json:"group"`
	Secret bool   `json:"secret"` // a secret is in it, or its mask
	Text   string `json:"-"`
}

// Sight is what a rendering knows beside the environment, as no machine is
// asked.
type Sight struct {
	// Addresses are those of machines by name.
	Addresses map[string][]netip.Addr
	// Secret returns the value of a secret; nil masks all of them. One that
	// is an *Unknown is masked too.
	Secret func(id string) (string, error)
	// MAC is that of a tasks.Scope. Nil where secrets are masked.
	MAC func(data []byte) (string, error)
}

// A writer is a resource that writes files. Its contents are what it compares
// with the machine: that is how a rendering cannot differ from a deployment.
type writer interface {
	contents(s *tasks.Scope) ([]content, error)
}

// Render returns what the nodes of g write, by host, with nothing contacted:
// the tag of an image stays, since only a machine resolves it, and what else
// only a deployment learns stands as "(vm:web ipv4)", a secret that is masked
// as "(secret NAME)". Those are returned too, each once. Daemon.json, which is
// merged on the machine, has what a Debian 13 without one gets.
func Render(g *tasks.Graph, env *environments.Environment, sight Sight) (list []Rendering, open []string, err error) {
	r := &renderer{env: env, sight: sight, open: map[string]bool{}}
	scope := &tasks.Scope{Outputs: r.output, Secret: r.secret, MAC: r.mac, Changed: func(string) bool { return false }}
	byHost := map[string][]RenderedFile{}
	for _, id := range g.Order() {
		n, _ := g.Node(id)
		w, ok := n.Resource.(writer)
		if !ok {
			continue
		}
		contents, err := w.contents(scope)
		if err != nil {
			return nil, nil, &tasks.NodeError{Node: id, Position: n.Position, Cause: err}
		}
		for _, c := range contents {
			text, err := c.Text(scope, scope.Lookup)
			if err != nil {
				return nil, nil, &tasks.NodeError{Node: id, Position: n.Position, Cause: err}
			}
			byHost[n.Host] = append(byHost[n.Host], RenderedFile{c.Path, c.Mode, c.Owner, c.Group, c.Secret, unmark(text)})
		}
	}
	for _, host := range slices.Sorted(maps.Keys(byHost)) {
		slices.SortStableFunc(byHost[host], func(a, b RenderedFile) int { return cmp.Compare(a.Path, b.Path) })
		list = append(list, Rendering{host, byHost[host]})
	}
	return list, slices.Sorted(maps.Keys(r.open)), nil
}

// A Composition is the compose file of a host, as far as it can be known
// before anything is there.
type Composition struct {
	Host string
	Text string
}

// Compositions returns the compose files of g with something plausible in the
// place of what is known only later: for checking them, not for running them.
func Compositions(g *tasks.Graph, env *environments.Environment) ([]Composition, error) {
	r := &renderer{env: env, open: map[string]bool{}, sight: Sight{Addresses: map[string][]netip.Addr{}}}
	for _, h := range env.Hosts { // of the blocks that are for documentation
		r.sight.Addresses[h.Name] = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	}
	scope := &tasks.Scope{Outputs: r.output, Secret: r.secret, MAC: r.mac, Changed: func(string) bool { return false }}
	var list []Composition
	for _, h := range env.Hosts {
		n, ok := g.Node("compose:" + h.Name)
		if !ok {
			continue
		}
		for _, c := range n.Resource.(files).list {
			text, err := c.Text(scope, scope.Lookup)
			if err != nil {
				return nil, &tasks.NodeError{Node: n.ID, Position: n.Position, Cause: err}
			}
			list = append(list, Composition{h.Name, text})
		}
	}
	return list, nil
}

// A renderer answers in the place of machines and of the vault.
type renderer struct {
	env   *environments.Environment
	sight Sight
	open  map[string]bool // what nobody knows yet
}

// output answers a ref.
func (r *renderer) output(node, attribute string) (string, bool) {
	kind, name, _ := strings.Cut(node, ":")
	switch {
	case attribute == tasks.Made:
		return "", true
	case kind == "image":
		return "", true
	case kind == "vm":
		if v, ok := r.machine(name, attribute); ok {
			return v, true
		}
	}
	what := node + " " + attribute
	r.open[what] = true
	return "(" + what + ")", true
}

// machine answers a ref to a machine whose address is known: its ports are
// reached as they are.
func (r *renderer) machine(name, attribute string) (string, bool) {
	addresses := r.sight.Addresses[name]
	if len(addresses) == 0 {
		addresses = r.declared(name)
	}
	if port, ok := strings.CutPrefix(attribute, "port:"); ok && len(addresses) > 0 {
		return port, true
	}
	for _, a := range addresses {
		if attribute == "ipv4" && a.Is4() || attribute == "ipv6" && a.Is6() {
			return a.String(), true
		}
	}
	return "", false
}

// declared returns the addresses of a machine that the environment says.
func (r *renderer) declared(name string) []netip.Addr {
	h, _ := r.env.Host(name)
	var texts []string
	if e := h.Provider.Existing; e != nil {
		texts = []string{e.Address}
	}
	if q := h.Provider.QEMU; q != nil && q.Network != nil {
		for _, prefix := range []string{q.Network.IPv4, q.Network.IPv6} {
			address, _, _ := strings.Cut(prefix, "/")
			texts = append(texts, address)
		}
	}
	var list []netip.Addr
	for _, t := range texts {
		if a, err := netip.ParseAddr(t); err == nil {
			list = append(list, a.Unmap())
		}
	}
	return list
}

// secret answers a secret, marked where it is masked.
func (r *renderer) secret(id string) (string, error) {
	if r.sight.Secret != nil {
		v, err := r.sight.Secret(id)
		if !isUnknown(err) {
			return v, err
		}
		r.open["secret "+id] = true
	}
	return mark + id + mark, nil
}

// mac is a keyed digest where there are values to be kept, and one of the masks
// where there are none.
func (r *renderer) mac(data []byte) (string, error) {
	if r.sight.MAC == nil {
		return digestOf(data), nil
	}
	sum, err := r.sight.MAC(data)
	if isUnknown(err) {
		return "(known when it is deployed)", nil
	}
	return sum, err
}

func (r files) contents(*tasks.Scope) ([]content, error) { return r.list, nil }

func (r guard) contents(*tasks.Scope) ([]content, error) {
	rules, err := r.rules()
	return []content{literal(guardFile, rules)}, err
}

func (r docker) contents(*tasks.Scope) ([]content, error) {
	system := &hosts.SystemFact{OS: "debian", Version: "13"}
	text, err := daemonText(r.settings(hosts.Facts{hosts.SystemQuery{}.Key(): system}))
	return []content{literal(daemonFile, string(text))}, err
}

func (r sourced) contents(s *tasks.Scope) ([]content, error) {
	f, err := r.known(s)
	if errors.Is(err, fs.ErrNotExist) && r.maker != "" {
		c := r.builder.contentOf(r.file, environments.Text("(made by "+r.maker+")\n"))
		return []content{c}, nil
	}
	return f.list, err
}
