package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// answers collects what the pieces of an answer say until all of it is there.
type answers struct {
	*observation
	facts hosts.Facts
	seen  map[string]bool // marks

	files      []*hosts.FileFact
	system     hosts.SystemFact
	installed  map[string]string
	parameters map[string]string
	unitBlocks []string
	live       map[string]string // by index of the firewall
	firewalled map[string]string // and its state
	wanted     map[string]string
	containers []inspected
	found      []foundImage
}

var errShort = errors.New("it is too short")

// take reads one piece.
func (a *answers) take(mark string, words []string, body []byte) error {
	text := string(body)
	switch mark {
	case "stat":
		return a.stat(text)
	case "sum":
		return a.sum(words, body)
	case "secret":
		return a.secret(words, body)
	case "packages":
		a.installed = packagesOf(text)
	case "units":
		a.unitBlocks = strings.Split(strings.TrimSpace(text), "\n\n")
	case "sysctls":
		a.parameters = parametersOf(text)
	case "firewall", "wanted":
		return a.firewall(mark, words, text)
	case "docker":
		return a.docker(text)
	case "manifest":
		m, err := hosts.DecodeManifest(body)
		if err != nil {
			return err
		}
		a.facts[hosts.ManifestQuery{}.Key()] = &m
		a.manifest = &stored{manifest: m}
		if len(body) > 0 {
			a.manifest.version = "s:" + digest(body)
		}
	default:
		return a.about(mark, text)
	}
	return nil
}

// settle makes the fact for a query whose answer came in a piece for many.
func (a *answers) settle(query hosts.Query) error {
	need := func(mark string) error {
		if !a.seen[mark] {
			return fmt.Errorf("the machine did not answer about %s", mark)
		}
		return nil
	}
	switch q := query.(type) {
	case hosts.SystemQuery:
		a.system.User, a.system.Root = a.user, true
		a.facts[q.Key()] = &a.system
		return errors.Join(need("uname"), need("boot"), need("docker"))
	case hosts.FileQuery:
		return need("stat")
	case hosts.PackageQuery:
		a.facts[q.Key()] = &hosts.PackageFact{Versions: pick(a.installed, q.Names)}
		return need("packages")
	case hosts.UnitQuery:
		a.facts[q.Key()] = a.unit(q.Name)
		return need("units")
	case hosts.SysctlQuery:
		a.facts[q.Key()] = a.sysctl(q)
		return need("sysctls")
	case hosts.FirewallQuery:
		return a.table(q)
	case hosts.ComposeQuery:
		a.facts[q.Key()] = a.compose(q.Project)
		return need("docker")
	case hosts.ImageQuery:
		a.facts[q.Key()] = a.image(q)
		return need("docker")
	case hosts.ManifestQuery:
		return need("manifest")
	}
	return fmt.Errorf("%w: query %T", hosts.ErrUnsupported, query)
}

// stat reads "MODE UID GID SIZE USER GROUP NAME\0" per file that is there.
func (a *answers) stat(text string) error {
	at := map[string]int{}
	for i, q := range a.observation.files {
		at[q.Path] = i
	}
	for entry := range strings.SplitSeq(strings.TrimSuffix(text, "\x00"), "\x00") {
		if entry == "" {
			continue
		}
		w := strings.SplitN(entry, " ", 7)
		if len(w) < 7 {
			return errShort
		}
		i, ok := at[w[6]]
		if !ok {
			return fmt.Errorf("it names %q, which nobody asked for", w[6])
		}
		mode, err := strconv.ParseUint(w[0], 16, 32)
		if err != nil {
			return err
		}
		f := a.files[i]
		f.Mode = fmt.Sprintf("%04o", mode&0o7777)
		f.Owner, f.Group = account(w[4], w[1]), account(w[5], w[2])
		f.UID, f.GID = w[1], w[2]
		f.Type = "other"
		switch mode & 0o170000 {
		case 0o100000:
			f.Type = "file"
			if f.Size, err = strconv.ParseInt(w[3], 10, 64); err != nil {
				return err
			}
			continue // its version is yet to come
		case 0o040000:
			f.Type = "directory"
		case 0o120000:
			f.Type = "link"
		}
		f.Version = f.Type
	}
	return nil
}

// account is a name, or the number where there is none.
func account(name, number string) string {
	if name == "UNKNOWN" {
		return number
	}
	return name
}

func (a *answers) fileAt(word string) (*hosts.FileFact, hosts.FileQuery, error) {
	i, err := strconv.Atoi(word)
	if err != nil || i < 0 || i >= len(a.files) {
		return nil, hosts.FileQuery{}, fmt.Errorf("there is no file %q", word)
	}
	return a.files[i], a.observation.files[i], nil
}

// sum reads the digest of a file, and its content where that differs.
func (a *answers) sum(words []string, body []byte) error {
	if len(words) != 2 {
		return errShort
	}
	f, q, err := a.fileAt(words[0])
	if err != nil {
		return err
	}
	f.Digest, f.Version = words[1], "s:"+words[1]
	f.Same = q.Digest == f.Digest
	if !f.Same && q.Digest != "" {
		f.Content = append([]byte{}, body...)
	}
	return nil
}

// secret reads how a file with secrets compares.
func (a *answers) secret(words []string, body []byte) error {
	if len(words) != 3 {
		return errShort
	}
	f, _, err := a.fileAt(words[0])
	if err != nil {
		return err
	}
	f.Same, f.Version = words[1] == "yes", "k:"+words[2]
	if !f.Same {
		f.Content = append([]byte{}, body...)
	}
	return nil
}

func packagesOf(text string) map[string]string {
	versions := map[string]string{}
	for line := range strings.Lines(text) {
		if w := strings.Fields(line); len(w) == 3 && w[0] == "installed" {
			versions[w[1]] = w[2]
		}
	}
	return versions
}

// parametersOf reads what "head -v" prints: "==> /proc/sys/PATH <==", a value.
func parametersOf(text string) map[string]string {
	values := map[string]string{}
	path := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "==> /proc/sys/"); ok {
			path = strings.TrimSuffix(rest, " <==")
		} else if _, there := values[path]; path != "" && !there {
			values[path] = strings.Join(strings.Fields(line), " ")
		}
	}
	return values
}

func (a *answers) sysctl(q hosts.SysctlQuery) *hosts.SysctlFact {
	fact := &hosts.SysctlFact{Values: map[string]string{}}
	for _, name := range q.Names {
		if v, ok := a.parameters[sysctlPath(name)]; ok {
			fact.Values[name] = v
		}
	}
	return fact
}

func (a *answers) unit(name string) *hosts.UnitFact {
	fact := &hosts.UnitFact{}
	for i, asked := range a.units {
		if asked != name || i >= len(a.unitBlocks) {
			continue
		}
		for line := range strings.Lines(a.unitBlocks[i]) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch key {
			case "LoadState":
				fact.Exists = value == "loaded"
			case "UnitFileState":
				// What systemctl is-enabled calls enabled.
				switch value {
				case "enabled", "enabled-runtime", "static", "alias", "indirect", "generated":
					fact.Enabled = true
				}
			case "ActiveState":
				fact.Active = value == "active" || value == "reloading"
			case "NeedDaemonReload":
				fact.Stale = value == "yes"
			}
		}
	}
	return fact
}

func (a *answers) firewall(mark string, words []string, text string) error {
	if len(words) != 2 {
		return errShort
	}
	if a.live == nil {
		a.live, a.wanted, a.firewalled = map[string]string{}, map[string]string{}, map[string]string{}
	}
	if mark == "firewall" {
		a.live[words[0]], a.firewalled[words[0]] = text, words[1]
		return nil
	}
	if words[1] != "rules" {
		return fmt.Errorf("the wanted rules: %s", strings.TrimSpace(text))
	}
	a.wanted[words[0]] = text
	return nil
}

func (a *answers) table(q hosts.FirewallQuery) error {
	for i, asked := range a.firewalls {
		key := strconv.Itoa(i)
		if asked.Table != q.Table {
			continue
		}
		state, ok := a.firewalled[key]
		if !ok {
			return errors.New("the machine did not answer")
		}
		fact := &hosts.FirewallFact{Loaded: state != "none", Pending: state == "pending"}
		if fact.Loaded {
			if fact.Same = a.live[key] == a.wanted[key]; !fact.Same {
				fact.Live = a.live[key]
			}
		}
		a.facts[q.Key()] = fact
	}
	return nil
}

func pick[V any](all map[string]V, names []string) map[string]V {
	some := map[string]V{}
	for _, name := range names {
		if v, ok := all[name]; ok {
			some[name] = v
		}
	}
	return some
}

// docker reads a line per thing: version, compose, image, container.
func (a *answers) docker(text string) error {
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		var err error
		switch kind {
		case "version":
			a.system.Docker = rest
		case "compose":
			a.system.Compose = strings.TrimPrefix(rest, "v")
		case "image":
			a.found, err = decoded(a.found, rest)
		case "container":
			a.containers, err = decoded(a.containers, rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func decoded[T any](list []T, text string) ([]T, error) {
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, err
	}
	return append(list, v), nil
}
