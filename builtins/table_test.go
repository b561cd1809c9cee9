package builtins_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// scaffold is what examples refer to.
const scaffold = `
web = vm(name = "base", provider = simulated("machines/base"))
other = task(name = "other", run = ["true"], outputs = ["out"])
seed = task(name = "seed", host = web, run = ["true"])
taken = task(name = "taken", host = web, run = ["true"])
`

// A subject says how a built-in is called in full and, for one that makes a
// value, what that value is put into.
type subject struct {
	arguments map[string]string // as few as possible
	inside    string            // with %s for the call; "" for a resource
}

var subjects = map[string]subject{
	"environment":     {},
	"vm":              {arguments: map[string]string{"name": `"x"`, "provider": `simulated("machines/x")`}},
	"compose_service": {arguments: map[string]string{"name": `"x"`, "host": "web", "image": `"a:1"`, "healthcheck": `healthcheck(["true"])`}},
	"config_file":     {arguments: map[string]string{"name": `"x"`, "host": "web", "path": `"/etc/x"`, "content": `"x"`}},
	"firewall":        {arguments: map[string]string{"name": `"x"`, "host": "web"}},
	"probe":           {arguments: map[string]string{"name": `"x"`, "host": "web", "http": `"http://127.0.0.1/"`}},
	"task":            {arguments: map[string]string{"name": `"x"`, "run": `["true"]`}},
	"qemu":            {arguments: map[string]string{"image": `"a.qcow2"`}, inside: `vm(name = "x", provider = %s)`},
	"bridge":          {arguments: map[string]string{"name": `"br1"`, "ipv4": `"10.1.1.1/24"`}, inside: `vm(name = "x", provider = qemu(image = "a", network = %s))`},
	"existing":        {arguments: map[string]string{"address": `"a.example.com"`, "user": `"root"`}, inside: `vm(name = "x", provider = %s)`},
	"simulated":       {arguments: map[string]string{"dir": `"m"`}, inside: `vm(name = "x", provider = %s)`},
	"tcp":             {arguments: map[string]string{"port": "1"}, inside: `firewall(name = "x", host = web, allow = [%s])`},
	"udp":             {arguments: map[string]string{"port": "1"}, inside: `firewall(name = "x", host = web, allow = [%s])`},
	"publish":         {arguments: map[string]string{"port": "1"}, inside: service(`ports = [%s]`)},
	"mount":           {arguments: map[string]string{"content": `"x"`}, inside: service(`files = {"/x": %s}`)},
	"volume":          {arguments: map[string]string{"name": `"x"`}, inside: service(`data = {"/x": %s}`)},
	"healthcheck":     {arguments: map[string]string{"cmd": `["true"]`}, inside: `compose_service(name = "x", host = web, image = "a:1", healthcheck = %s)`},
	"secret":          {arguments: map[string]string{"name": `"X"`}, inside: service(`environment = {"X": %s}`)},
	"checked":         {arguments: map[string]string{"value": `secret("X")`, "pattern": `".+"`, "reason": `"x"`}, inside: service(`environment = {"X": %s}`)},
	"rotation":        {arguments: map[string]string{"name": `"x"`, "secret": `secret("X")`, "apply": "taken"}},
	"tls":             {arguments: map[string]string{"name": `"x"`, "host": "web", "email": `"a@b.example"`, "sites": `{"a.example": site.endpoint(80)}`}},
	"backup":          {arguments: map[string]string{"name": `"x"`, "host": "web", "of": `[store]`}},
	"letsencrypt":     {inside: proxied(`issuer = %s`)},
	"acme":            {arguments: map[string]string{"directory": `"https://a.example/"`}, inside: proxied(`issuer = %s`)},
	"dataset":         {arguments: map[string]string{"service": "store", "paths": `["/data"]`}, inside: `backup(name = "x", host = web, of = [%s])`},
	"hetzner":         {arguments: map[string]string{"server_type": `"cx23"`, "location": `"hel1"`, "image": `"ubuntu-24.04"`, "token": `secret("X")`}, inside: `vm(name = "x", provider = %s)`},
	"registry_login":  {arguments: map[string]string{"user": `"a"`, "password": `secret("X")`}, inside: `vm(name = "x", provider = simulated("machines/x"), registry_credentials = {"ghcr.io": %s})`},
	"fmt":             {arguments: map[string]string{"pattern": `"{}{}"`, "*values": `1, 2`}, inside: service(`environment = {"X": %s}`)},
	"toml.encode":     {arguments: map[string]string{"value": "{}"}, inside: service(`environment = {"X": %s}`)},
	"yaml.encode":     {arguments: map[string]string{"value": "{}"}, inside: service(`environment = {"X": %s}`)},
	"json.encode":     {arguments: map[string]string{"value": "{}"}, inside: service(`environment = {"X": %s}`)},
	"urlquote":        {arguments: map[string]string{"v": `"a"`}, inside: service(`environment = {"X": %s}`)},
	"template":        {arguments: map[string]string{"path": `"templates/other.conf"`, "vars": `{"address": "a"}`}, inside: service(`environment = {"X": %s}`)},
	"param":           {arguments: map[string]string{"name": `"x"`, "type": `"string"`, "default": `"x"`}, inside: service(`environment = {"X": %s}`)},
	"glob":            {arguments: map[string]string{"include": `["*"]`}, inside: `task(name = "x", run = ["true"], inputs = %s)`},
	"read_config":     {arguments: map[string]string{"path": `"config/other.json"`}, inside: service(`environment = {"X": %s["title"]}`)},
	"group":           {arguments: map[string]string{"name": `"x"`, "of": `["seed"]`}},
	"arg":             {arguments: map[string]string{"name": `"to"`}, inside: `task(name = "x", run = ["true", %s], args = {"to": option(str), "theme": option(str)})`},
	"option":          {arguments: map[string]string{"type": `"string"`}, inside: `task(name = "x", run = ["true"], args = {"x": %s})`},
	"shell":           {arguments: map[string]string{"script": `"true"`}, inside: `task(name = "x", run = %s)`},
	"label":           {arguments: map[string]string{"kind": `"task"`, "name": `"other"`}, inside: `task(name = "x", run = ["true"], after = [%s])`},
	"renamed":         {arguments: map[string]string{"old": `"task:old"`, "new": `seed`}},
	"warn":            {arguments: map[string]string{"message": `"x"`}},
}

func service(argument string) string {
	return `compose_service(name = "x", host = web, image = "a:1", healthcheck = healthcheck(["true"]), ` + argument + `)`
}

func proxied(argument string) string {
	return `tls(name = "x", host = web, email = "a@b.example", sites = {"a.example": site.endpoint(80)}, ` + argument + `)`
}

// variants replace the example of a parameter that does not fit the call
// above; a name that begins with - is taken out.
var variants = map[string]map[string]string{
	"vm.provider":                {"provider": `simulated("machines/y")`},
	"compose_service.image":      {"image": `"b:1"`},
	"compose_service.host":       {"host": "two"},
	"config_file.host":           {"host": "two"},
	"firewall.host":              {"host": "two"},
	"probe.host":                 {"host": "two"},
	"compose_service.reload":     {"reload": `["nginx"]`},
	"compose_service.networks":   {"networks": `["backend"]`},
	"compose_service.user":       {"user": `"1000"`},
	"config_file.source":         {"source": `"files/motd"`, "-content": ""},
	"probe.udp_tracker":          {"udp_tracker": `"udp://127.0.0.1:1"`, "-http": ""},
	"probe.http_tracker":         {"http_tracker": `"http://127.0.0.1:1/announce"`, "-http": ""},
	"probe.tcp":                  {"tcp": `"127.0.0.1:1"`, "-http": ""},
	"secret.length":              {"generate": "True", "length": "48"},
	"fmt.pattern":                {"pattern": `"{}-{}"`},
	"fmt.*values":                {"*values": `3, 4`},
	"tls.host":                   {"host": "two", "sites": `{"a.example": far.endpoint(80)}`},
	"backup.host":                {"host": "two", "of": "[far]"},
	"backup.of":                  {"of": `[dataset(store, dump = ["true"])]`},
	"dataset.service":            {"service": "site"},
	"hetzner.image":              {"image": `"debian-13"`},
	"template.path":              {"path": `"templates/site.conf"`},
	"template.vars":              {"vars": `{"address": web.ipv4}`},
	"param.type":                 {"type": `"int"`, "default": "7"},
	"param.default":              {"default": `"2GiB"`},
	"param.choices":              {"choices": `["x", "y"]`},
	"glob.exclude":               {"exclude": `["*.conf"]`},
	"glob.include":               {"include": `["pages/*"]`},
	"label.kind":                 {"kind": `"service"`, "name": `"database"`},
	"option.type":                {"type": "int"},
	"compose_service.depends_on": {"depends_on": `["database"]`},
}

// fixed are parameters that a call cannot vary alone.
var fixed = map[string]string{"secret.length": `secret(name = "X", generate = True)`}

func TestEveryParameterIsDescribed(t *testing.T) {
	measured := regexp.MustCompile(`\b(duration|size|int|number)\b`)
	counted := regexp.MustCompile(`"int"|, number or bool|port`) // names of types, text of numbers, and ports have no unit
	for _, b := range builtins.Table() {
		if b.Doc == "" || b.Example == "" {
			t.Errorf("%s lacks a doc or an example", b.Name)
		}
		if !strings.HasSuffix(b.Doc, ".") {
			t.Errorf("%s: the doc is no sentence: %q", b.Name, b.Doc)
		}
		for _, p := range b.Parameters {
			if p.Doc == "" || p.Type == "" || p.Example == "" || !p.Required && p.Default == "" {
				t.Errorf("%s: %s lacks a doc, type, example or default: %+v", b.Name, p.Name, p)
			}
			if measured.MatchString(p.Type) && !counted.MatchString(p.Type+" "+p.Name) && p.Unit == "" {
				t.Errorf("%s: %s has no unit", b.Name, p.Name)
			}
			if p.Example == p.Default {
				t.Errorf("%s: %s: the example is the default", b.Name, p.Name)
			}
		}
	}
}

func TestEveryExampleWorks(t *testing.T) {
	root := project(t)
	for _, b := range builtins.Table() {
		src := scaffold + b.Example + "\n"
		if b.Name != "environment" {
			src += `environment(id = "test-1")` + "\n"
		}
		if b.Name == "vm" {
			src = src[len(scaffold):]
		}
		_, err := load(t, root, src)
		if b.Name == "fail" {
			if err == nil || !strings.Contains(err.Error(), "port 80 is taken") {
				t.Errorf("fail: %v", err)
			}
		} else if err != nil {
			t.Errorf("%s: the example is wrong: %v\n%s", b.Name, err, b.Example)
		}
	}
}

func TestEveryParameterReachesTheEnvironment(t *testing.T) {
	root := project(t)
	for _, b := range builtins.Table() {
		s, ok := subjects[b.Name]
		if b.Name == "fail" {
			continue // ends the evaluation, see testdata/wrong
		}
		if !ok {
			t.Errorf("%s is not in the table of this test", b.Name)
			continue
		}
		base := evaluate(t, root, s.text(b, s.arguments))
		for _, p := range b.Parameters {
			id := b.Name + "." + p.Name
			changed := maps.Clone(s.arguments)
			if changed == nil {
				changed = map[string]string{}
			}
			changes := variants[id]
			if changes == nil {
				changes = map[string]string{p.Name: p.Example}
			}
			for name, v := range changes {
				if out, ok := strings.CutPrefix(name, "-"); ok {
					delete(changed, out)
				} else {
					changed[name] = v
				}
			}
			before := base
			if text, ok := fixed[id]; ok {
				before = evaluate(t, root, fmt.Sprintf(s.inside, text))
			}
			if evaluate(t, root, s.text(b, changed)) == before {
				t.Errorf("%s does not reach the environment", id)
			}
		}
	}
}

// text writes a call with arguments, inside what it belongs into.
func (s subject) text(b builtins.Builtin, arguments map[string]string) string {
	var words []string
	last := ""
	for _, p := range b.Parameters {
		v, ok := arguments[p.Name]
		switch {
		case !ok:
		case strings.HasPrefix(p.Name, "*"):
			last = v
		case strings.HasPrefix(b.Parameters[len(b.Parameters)-1].Name, "*"):
			words = append(words, v)
		default:
			words = append(words, p.Name+" = "+v)
		}
	}
	if last != "" {
		words = append(words, last)
	}
	call := b.Name + "(" + strings.Join(words, ", ") + ")"
	if s.inside != "" {
		call = fmt.Sprintf(s.inside, call)
	}
	return call
}

// project makes the files that examples name.
func project(t *testing.T) string {
	root := t.TempDir()
	for _, name := range []string{"templates/site.conf", "templates/other.conf", "files/motd", "pages/a.md", "a.conf", "config/site.toml", "config/other.json"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		text := name + " {{.address}}"
		switch filepath.Ext(name) {
		case ".toml":
			text = "title = " + strconv.Quote(name)
		case ".json":
			text = `{"title": ` + strconv.Quote(name) + `}`
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

var positionRE = regexp.MustCompile(`"(position|file|line|column|calls|digest)":\s*("[^"]*"|\d+|\{[^{}]*\}|\[[^\]]*\]),?`)

// evaluate returns the Environment as JSON without positions.
func evaluate(t *testing.T, root, text string) string {
	t.Helper()
	rest := `
environment(id = "test-1")
two = vm(name = "two", provider = simulated("machines/two"))
compose_service(name = "database", host = web, image = "a:1", healthcheck = healthcheck(["true"]))
store = compose_service(name = "store", host = web, image = "a:1", healthcheck = healthcheck(["true"]), data = {"/data": "store"})
site = compose_service(name = "site", host = web, image = "a:1", healthcheck = healthcheck(["true"]), data = {"/data": "site"})
far = compose_service(name = "far", host = two, image = "a:1", healthcheck = healthcheck(["true"]), data = {"/data": "far"})
`
	if strings.HasPrefix(text, "environment(") {
		rest = ""
	}
	e, err := load(t, root, scaffold+rest+text+"\n")
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return text
	}
	e.Reads = nil
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return positionRE.ReplaceAllString(string(data), "")
}

func load(t *testing.T, root, src string) (*environments.Environment, error) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, "e.star"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
}

func TestSuggest(t *testing.T) {
	names := []string{"network", "networks", "port", "name", "healthcheck", "tcp"}
	for word, want := range map[string]string{
		"netwrk": "network", "prot": "port", "nmae": "name", "Name": "name", "helthchek": "healthcheck",
		"colour": "", "x": "", "ab": "", "network": "networks", "": "",
	} {
		if got := builtins.Suggest(word, names); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
}

func problems(err error) string {
	var e *eval.Error
	if !errors.As(err, &e) {
		return fmt.Sprintf("no problem: %v", err)
	}
	var b strings.Builder
	environments.WriteProblems(&b, e.Problems)
	return b.String()
}
