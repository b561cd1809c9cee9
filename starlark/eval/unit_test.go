package eval

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const library = `
def ports(base, count):
    """Returns count ports from base on."""
    if count < 1:
        fail("count: got %d, want at least 1" % count)
    return [base + i for i in range(count)]

def machine(name):
    return vm(name = name, provider = simulated(dir = "machines/" + name))
`

// project makes a project with a library and a file of tests.
func project(t *testing.T, tests string) Options {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"lib/ports.star": library, "lib/ports_test.star": tests} {
		file := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return Options{Root: root, File: "lib/ports_test.star"}
}

// TestUnits runs tests that hold and tests that do not; of these the message
// and the position are compared.
func TestUnits(t *testing.T) {
	const head = "load(\"//lib/ports.star\", \"ports\", \"machine\")\n"
	for _, c := range []struct{ name, body, want string }{
		{"eq", `assert.eq(ports(1, 2), [1, 2])`, ""},
		{"eq not", `assert.eq(ports(1, 2), [1])`, "lib/ports_test.star:3:5: assert.eq: got [1, 2], want [1]"},
		{"ne", `assert.ne(ports(1, 1), [2])`, ""},
		{"ne not", `assert.ne(ports(1, 1), [1])`, "assert.ne: got [1], want something else"},
		{"true", `assert.true(ports(1, 1))`, ""},
		{"true not", `assert.true([], "empty")`, "assert.true: empty"},
		{"contains", `assert.contains("abc", "b")`, ""},
		{"contains not", `assert.contains([1], 2)`, "assert.contains: 2 is not in [1]"},
		{"contains wrong", `assert.contains(1, 2)`, "cannot compute int in int"},
		{"fails", `assert.fails(lambda: ports(1, 0), "at least 1")`, ""},
		{"fails otherwise", `assert.fails(lambda: ports(1, 0), "at most")`, `got "count: got 0, want at least 1", want "at most"`},
		{"fails not", `assert.fails(lambda: ports(1, 1), ".")`, `nothing failed, want "."`},
		{"fails pattern", `assert.fails(lambda: ports(1, 0), "(")`, "missing closing )"},
		{"fails recorded", `assert.fails(lambda: vm(name = "web"), 'missing argument "provider"')`, ""},
		{"fails of the whole", `assert.fails(lambda: [compose_service(name = n, host = machine("web" + n), image = "a:1", healthcheck = healthcheck(["x"]), extra = {"image": "b"}) for n in ["a", "b"]], "image")`, ""},
		{"fails looked at", "web = machine(\"web\")\n    assert.fails(lambda: web.ipv4[0], \"known\")\n    assert.fails(lambda: str([web.ipv4]), \"known now\")\n    assert.eq(1, 1)", ""},
		{"deferred", `assert.eq(fmt("http://{}:80", machine("web").ipv4), "http://(vm:web ipv4):80")`, ""},
		{"deferred in list", `assert.eq([machine("web").ipv4], ["(vm:web ipv4)"])`, ""},
		{"recorded", "machine(\"web\")\n    vm(name = \"db\")", `lib/ports_test.star:4:5: vm "db": missing argument "provider"`},
		{"raised", `ports(1, 0)`, "count: got 0, want at least 1"},
		{"evaluate", `env = evaluate(lambda: machine("web"))
    assert.eq(list(env.hosts), ["web"])
    assert.eq(env.hosts["web"].provider.simulated.directory, "machines/web")`, ""},
		{"evaluate apart", "machine(\"web\")\n    evaluate(lambda: machine(\"web\"))\n    assert.eq(len(evaluate(lambda: None).hosts), 0)", ""},
		{"evaluate wrong", `evaluate(lambda: vm(name = "web"))`, `missing argument "provider"`},
		{"argument", `assert.eq(1)`, "assert.eq: got 1 arguments, want 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tests, err := UnitTests(context.Background(), project(t, head+"def test_it():\n    "+c.body+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			err = tests[0].Run(context.Background())
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestUnitOrder lists tests in the order of the file, each seeing nothing of
// the others.
func TestUnitOrder(t *testing.T) {
	o := project(t, `
def test_b():
    vm(name = "web", provider = simulated(dir = "m"))

def help():
    pass

def test_a():
    vm(name = "web", provider = simulated(dir = "m"))

def test_endless():
    for i in range(1000000000):
        pass
`)
	tests, err := UnitTests(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range tests {
		names = append(names, u.Name)
	}
	if got := strings.Join(names, " "); got != "test_b test_a test_endless" {
		t.Errorf("got %s", got)
	}
	for _, u := range tests[:2] {
		if err := u.Run(context.Background()); err != nil {
			t.Errorf("%s: %v", u.Name, err)
		}
	}
	if err := tests[2].Run(context.Background()); err == nil || !strings.Contains(err.Error(), "steps") {
		t.Errorf("an endless test: %v", err)
	}
}

// TestNoUnits refuses files that hold no tests.
func TestNoUnits(t *testing.T) {
	for text, want := range map[string]string{
		"x = 1\n":                "the file has no tests",
		"x = undefined\n":        "undefined",
		"def test_it(x): pass\n": "test_it takes 1 arguments",
	} {
		tests, err := UnitTests(context.Background(), project(t, text))
		if err == nil {
			err = tests[0].Run(context.Background())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
