package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// about reads what the pieces of a SystemQuery say.
func (a *answers) about(mark, text string) error {
	s, words := &a.system, strings.Fields(text)
	word := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	var err error
	switch mark {
	case "uname":
		s.Kernel, s.Architecture = word(0), architecture(word(1))
	case "release":
		values := osRelease(text)
		s.OS, s.Version, s.Codename = values["ID"], values["VERSION_ID"], values["VERSION_CODENAME"]
	case "boot":
		s.BootID = word(0)
	case "memory": // "MemTotal: 2030804 kB"
		s.Memory, err = strconv.ParseInt(word(1), 10, 64)
		s.Memory *= 1024
	case "disk": // free blocks, bytes of a block
		var blocks, size int64
		if blocks, err = strconv.ParseInt(word(0), 10, 64); err == nil {
			size, err = strconv.ParseInt(word(1), 10, 64)
		}
		s.DiskFree = blocks * size
	case "route", "route6":
		if s.Interface == "" {
			s.Interface = defaultRoute(text)
		}
	case "addresses":
		s.Addresses = addresses(text)
	}
	return err
}

// architecture returns Go's name for what uname -m prints.
func architecture(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "i686", "i586", "i386":
		return "386"
	case "armv7l", "armv6l":
		return "arm"
	default:
		return machine
	}
}

// osRelease reads NAME=VALUE lines; values may be quoted.
func osRelease(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok {
			values[name] = strings.Trim(value, `"'`)
		}
	}
	return values
}

// defaultRoute finds the interface of the default route in /proc/net/route
// (name first, destination and mask 0) or /proc/net/ipv6_route (name last).
func defaultRoute(text string) string {
	const zeros = "00000000000000000000000000000000"
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) == 11 && w[1] == "00000000" && w[7] == "00000000":
			return w[0]
		case len(w) == 10 && w[0] == zeros && w[1] == "00" && w[9] != "lo":
			return w[9]
		}
	}
	return ""
}

// addresses reads "ip -o addr": "2: eth0    inet 10.0.2.15/24 …", and leaves
// out what docker made.
func addresses(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) < 4 || (w[2] != "inet" && w[2] != "inet6") || ofDocker(w[1]) {
			continue
		}
		address, _, _ := strings.Cut(w[3], "/")
		if !slices.Contains(out, address) {
			out = append(out, address)
		}
	}
	return out
}

func ofDocker(name string) bool {
	return strings.HasPrefix(name, "docker") || strings.HasPrefix(name, "br-") || strings.HasPrefix(name, "veth")
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// inspected is a container as sh/queries.sh prints it.
type inspected struct {
	ID        string            `json:"id"`
	Image     string            `json:"image"`
	Status    string            `json:"status"`
	Started   string            `json:"started"`
	Health    string            `json:"health"`
	Restarts  int               `json:"restarts"`
	Policy    string            `json:"policy"`
	Addresses []string          `json:"addresses"` // of its networks, "" last
	Labels    map[string]string `json:"labels"`
}

func (a *answers) compose(project string) *hosts.ComposeFact {
	fact := &hosts.ComposeFact{}
	for _, c := range a.containers {
		if c.Labels["com.docker.compose.project"] != project {
			continue
		}
		if strings.HasPrefix(c.Started, "0001-") {
			c.Started = ""
		}
		fact.Containers = append(fact.Containers, hosts.Container{
			Service: c.Labels["com.docker.compose.service"], ID: c.ID, ImageID: c.Image, State: c.Status, Health: c.Health,
			Restarts: c.Restarts, Started: c.Started, Labels: c.Labels, Restart: c.Policy,
			Address: strings.Join(c.Addresses[:min(1, len(c.Addresses))], ""),
		})
	}
	slices.SortFunc(fact.Containers, func(a, b hosts.Container) int { return strings.Compare(a.Service+a.ID, b.Service+b.ID) })
	return fact
}

// foundImage is an image as sh/queries.sh prints it.
type foundImage struct {
	ID           string   `json:"id"`
	Tags         []string `json:"tags"`
	Digests      []string `json:"digests"`
	Architecture string   `json:"architecture"`
}

func (a *answers) image(q hosts.ImageQuery) *hosts.ImageFact {
	fact := &hosts.ImageFact{Images: map[string]hosts.Image{}}
	for _, reference := range q.References {
		for _, i := range a.found {
			if i.is(reference) {
				fact.Images[reference] = hosts.Image{ID: i.ID, Digest: digestOf(reference, i.Digests), Architecture: i.Architecture}
			}
		}
	}
	return fact
}

// is reports whether docker would find this image under reference.
func (i foundImage) is(reference string) bool {
	name, tag, sum := familiar(reference)
	switch {
	case sum != "":
		return slices.Contains(i.Digests, name+"@"+sum)
	case strings.HasPrefix(reference, "sha256:"):
		return i.ID == reference
	default:
		return slices.Contains(i.Tags, name+":"+tag)
	}
}

// familiar splits a reference into the name that docker shows, tag and digest.
func familiar(reference string) (name, tag, sum string) {
	name, sum, _ = strings.Cut(reference, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	if tag == "" {
		tag = "latest"
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "index.docker.io/"), "docker.io/")
	return strings.TrimPrefix(name, "library/"), tag, sum
}

// digestOf returns the repository digest that belongs to the name of reference.
func digestOf(reference string, digests []string) string {
	want, _, sum := familiar(reference)
	if sum != "" {
		return sum
	}
	for _, d := range digests {
		if name, found, ok := strings.Cut(d, "@"); ok && name == want {
			return found
		}
	}
	return ""
}
