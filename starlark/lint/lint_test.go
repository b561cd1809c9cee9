package lint_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
	"github.com/torrust/tracker-deployer/starlark/lib"
	"github.com/torrust/tracker-deployer/starlark/lint"
)

// check evaluates an environment file beside libraries and looks at all of
// them.
func check(t *testing.T, src string, libraries map[string]string) []lint.Finding {
	t.Helper()
	root := t.TempDir()
	sources := []lint.Source{{File: "e.star", Text: []byte(src), Entry: true}}
	for name, text := range libraries {
		sources = append(sources, lint.Source{File: name, Text: []byte(text)})
	}
	for _, s := range sources {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, s.File)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, s.File), s.Text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e, err := eval.Load(context.Background(), eval.Options{Root: root, File: "e.star"})
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	findings, err := lint.Check(e, sources)
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// Every rule is explained, complains about its bad example, once and with a
// place, not about its good one, and is silenced by a comment.
func TestEveryRule(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range lint.Rules() {
		if seen[r.Code] || r.Code == "" || r.Summary == "" || !strings.HasSuffix(r.Why, ".") || r.Bad == "" || r.Good == "" {
			t.Errorf("%s is there twice or lacks something: %+v", r.Code, r)
		}
		seen[r.Code] = true
		if found, ok := lint.Find(r.Code); !ok || found.Code != r.Code {
			t.Errorf("%s is not found", r.Code)
		}
		findings := check(t, r.Bad, nil)
		var own []lint.Finding
		for _, f := range findings {
			if f.Code == r.Code {
				own = append(own, f)
			}
		}
		if len(own) != 1 {
			t.Errorf("%s: the bad example has %d findings: %v", r.Code, len(own), findings)
			continue
		}
		f := own[0]
		if f.Position.File != "e.star" || f.Position.Line < 1 || f.Position.Column < 1 || f.Message == "" {
			t.Errorf("%s: no place or message: %+v", r.Code, f)
		}
		if shown := f.Source != ""; shown == (r.Code == "plain-secret") {
			t.Errorf("%s: its line is %q", r.Code, f.Source)
		}
		if good := check(t, r.Good, nil); len(good) > 0 {
			t.Errorf("%s: the good example is complained about: %v", r.Code, good)
		}
		silenced(t, r, f)
	}
	if _, ok := lint.Find("nonsense"); ok {
		t.Error("a rule that does not exist is found")
	}
}

// silenced puts a comment above, at the end of, and too far from a finding.
func silenced(t *testing.T, r lint.Rule, f lint.Finding) {
	lines := strings.Split(r.Bad, "\n")
	at := f.Position.Line - 1
	comment := "# lint: ignore " + r.Code + ": for a reason"
	for name, c := range map[string]struct {
		lines  []string
		silent bool
	}{
		"above":     {slices.Insert(slices.Clone(lines), at, comment, "# and another comment", ""), true},
		"elsewhere": {append(slices.Clone(lines), comment, "x = 1"), false},
		"another":   {slices.Insert(slices.Clone(lines), at, "# lint: ignore unused-load, idle-port, missing-doc"), f.Code == "unused-load" || f.Code == "idle-port" || f.Code == "missing-doc"},
	} {
		left := check(t, strings.Join(c.lines, "\n"), nil)
		if found := slices.ContainsFunc(left, func(x lint.Finding) bool { return x.Code == r.Code }); found == c.silent {
			t.Errorf("%s, a comment %s: %v", r.Code, name, left)
		}
	}
	if strings.Contains(lines[at], "#") {
		return // has a comment at its end already
	}
	lines[at] += "  " + comment
	if left := check(t, strings.Join(lines, "\n"), nil); len(left) > 0 {
		t.Errorf("%s, a comment at the end of the line: %v", r.Code, left)
	}
}

const scaffold = `"""Doc."""
web = vm(name = "web", provider = simulated("machines/web"))
def service(**kwargs):
    compose_service(host = web, healthcheck = healthcheck(["true"]), **kwargs)
`

// What else the rules know.
func TestFindings(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"a name that is only a keyword", `load("//lib/a.star", "site", other = "site")
task(name = "x", doc = "X.", run = ["true"], env = dict(site = "1"))
y = other`, `5:23 unused-load`},
		{"parameters keep their names", `f = lambda udp, tcp = 1: [udp, tcp]`, ``},
		{"loops and lists shadow", `for glob in []: pass
a, (len, b) = 1, (2, [hash for hash in []])`, `5:5 shadowed-builtin; 6:5 shadowed-builtin; 6:32 shadowed-builtin`},
		{"docs of options, groups and parameters", `t = task(name = "t", doc = "T.", run = ["echo", arg("a")], args = {"a": option(str)})
group(name = "g", of = [t])
x = param("x", "int", 1)
y = param("y", "int", 1, doc = "Y.")`, `5:67 missing-doc; 6:1 missing-doc; 7:5 missing-doc`},
		{"where a secret is kept is none", `service(name = "a", image = "a:1", environment = {"A_TOKEN_FILE": "/run/token", "PASSWORD": "", "token": secret("T")})  # lint: ignore secret-in-environment: it reads no file`, ``},
		{"secrets in environments", `service(name = "a", image = "a:1", environment = {"A": secret("S"), "B": "x" + secret("T"), "C": "c"})`, `4:5 secret-in-environment`},
		{"secrets by their looks", `a = "postgres://app:hunter2@db/app"
b = fmt("postgres://app:{}@db/app", secret("P"))
c = "ghp_0123456789abcdefghij0123456789abcdef"
api_key = "-----BEGIN OPENSSH PRIVATE KEY-----"`, `5:5 plain-secret; 7:5 plain-secret; 8:11 plain-secret`},
		{"secrets in mounts", `service(name = "a", image = "a:1", extra = {"labels": {"x": "y"}, "shm_size": "1m"})
service(name = "b", image = "a:1", files = {"/x": mount(secret("S"), mode = "0644"), "/y": mount(secret("S"), mode = "0640"), "/z": secret("S")})`, `4:5 readable-secret`},
		{"modes of files", `config_file(name = "a", host = web, path = "/a", content = secret("S"), mode = "0604")
config_file(name = "b", host = web, path = "/b", content = secret("S"), mode = "0640")`, `5:80 readable-secret`},
		{"images", `service(name = "a", image = "localhost:5000/a")
service(name = "b", image = "a:latest")
service(name = "c", image = "localhost:5000/a:1")
service(name = "d", image = "a@sha256:` + strings.Repeat("0", 64) + `")`, `4:5 unpinned-image; 4:5 unpinned-image`},
		{"a port is found in its list", `compose_service(
    name = "a", host = web, image = "a:1", healthcheck = healthcheck(["true"]),
    ports = [
        publish(80),
        publish(81, "udp"),
        publish(82, address = "::1"),
    ],
)
firewall(name = "edge", host = web, allow = [
    tcp(80),
    tcp(81),
    udp(81, sources = ["192.0.2.0/24"]),
    tcp(82),
    tcp(22),
])`, `15:5 idle-port; 17:5 idle-port`},
		{"a port of another machine", `two = vm(name = "two", provider = simulated("machines/two"))
firewall(name = "edge", host = two, allow = [tcp(80)])
service(name = "a", image = "a:1", ports = [publish(80)])`, `4:5 closed-port; 6:46 idle-port`},
		{"silenced where it was called", `service(name = "a", image = "a")  # lint: ignore unpinned-image`, ``},
		{"silenced in a list", `firewall(
    name = "edge", host = web, allow = [
        # lint: ignore idle-port: later
        tcp(80),
        tcp(81),
    ])`, `9:9 idle-port`},
		{"silenced above the call", `# lint: ignore idle-port
firewall(
    name = "edge",
    host = web,
    allow = [tcp(80)],
)`, ``},
		{"two codes and a text that is no comment", `# lint: ignore unpinned-image, closed-port
service(name = "a", image = "a", ports = [publish(80)])
x = """
# lint: ignore nonsense
"""`, ``},
	} {
		libraries := map[string]string{"lib/a.star": `"""Doc."""
def site():
    """Doc."""
`}
		var got []string
		for _, f := range check(t, scaffold+c.src+"\n", libraries) {
			got = append(got, fmt.Sprintf("%d:%d %s", f.Position.Line, f.Position.Column, f.Code))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: got %q, want %q", c.name, s, c.want)
		}
	}
}

// Functions of a library need a doc, those of an environment file or beside
// tests do not.
func TestLibraries(t *testing.T) {
	findings := check(t, scaffold+`load("//lib/a.star", "site")`+"\nsite()\n", map[string]string{
		"lib/a.star":      "def site():\n    pass\ndef _own():\n    pass\n",
		"lib/a_test.star": "\"Doc.\"\ndef machine():\n    pass\ndef test_site():\n    machine()\n",
	})
	var got []string
	for _, f := range findings {
		got = append(got, f.Problem.Error())
	}
	if want := "lib/a.star:1:1: the file has no doc|lib/a.star:1:5: function \"site\" has no doc"; strings.Join(got, "|") != want {
		t.Errorf("got %v", got)
	}
}

// What ships with the program is as it asks others to be.
func TestWhatShips(t *testing.T) {
	names, err := fs.Glob(environments.Examples(), "*.star")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, name := range names {
		src, err := fs.ReadFile(environments.Examples(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range check(t, string(src), nil) {
			t.Errorf("environments/%s: %v %s", name, f.Error(), f.Code)
		}
	}
	for _, name := range lib.Names() {
		src, err := lib.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		findings, err := lint.Check(nil, []lint.Source{{File: name, Text: src}})
		if err != nil || len(findings) > 0 {
			t.Errorf("%s: %v %v", name, err, findings)
		}
	}
}
