package builtins_test

import (
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
)

// TestDeferredWorks shows what may be done with a deferred value, and that
// secrecy spreads through all of it.
func TestDeferredWorks(t *testing.T) {
	cases := []struct{ expression, want string }{
		{`"a" + ip`, "a(vm:base ipv4)"},
		{`ip + "a"`, "(vm:base ipv4)a"},
		{`ip + ip`, "(vm:base ipv4)(vm:base ipv4)"},
		{`"a" + ip + "b" + pw`, "a(vm:base ipv4)b(secret PW)"},
		{`fmt("{}:{}", ip, 80)`, "(vm:base ipv4):80"},
		{`fmt("{{{}}}", pw)`, "{(secret PW)}"},
		{`fmt("{} {} {}", True, 1.5, "x")`, "true 1.5 x"},
		{`urlquote("a b/" + "c")`, "a%20b%2Fc"},
		{`"x" + urlquote(pw)`, "x%28secret%20PW%29"},
		{`pw.old + "\n" + pw.new`, "(secret PW.old)\n(secret PW.new)"},
		{`urlquote(fmt("{}", pw.new))`, "%28secret%20PW.new%29"},
		{`checked(pw, pattern = ".+", reason = "r")`, "(secret PW)"},
		{`"a" + checked("x" + pw, never = "y", reason = "r")`, "ax(secret PW)"},
		{`yaml.encode({"a": [{"b": (pw.old,)}]})`, "a:\n  - b:\n      - (secret PW.old)\n"},
		{`toml.encode(struct(a = {"b": ["x", "u:" + urlquote(pw)]}))`, "[a]\nb = ['x', 'u:%28secret%20PW%29']\n"},
		{`json.encode([fmt("{}", pw)])`, "[\n  \"(secret PW)\"\n]\n"},
		{`dict([("k", pw)])["k"]`, "(secret PW)"},
		{`[v for k, v in {"a": 1, "c": pw}.items() if k == "c"][0]`, "(secret PW)"},
		{`template("templates/site.conf", {"address": struct(a = [pw]).a[0]})`, "templates/site.conf (secret PW)"},
		{`json.encode({"a": [ip, 1, True], "b": {"c": pw}})`, "{\n  \"a\": [\n    \"(vm:base ipv4)\",\n    1,\n    true\n  ],\n  \"b\": {\n    \"c\": \"(secret PW)\"\n  }\n}\n"},
		{`json.encode(struct(a = ip))`, "{\n  \"a\": \"(vm:base ipv4)\"\n}\n"},
		{`toml.encode({"a": ip})`, "a = '(vm:base ipv4)'\n"},
		{`yaml.encode({"a": ip, "l": (1, 2)})`, "a: (vm:base ipv4)\nl:\n  - 1\n  - 2\n"},
		{`template("templates/site.conf", {"address": ip})`, "templates/site.conf (vm:base ipv4)"},
		{`template("templates/site.conf", {"address": json.encode({"p": pw})})`, "templates/site.conf {\n  \"p\": \"(secret PW)\"\n}\n"},
		{`[a + "x" for a in [ip, pw]][1]`, "(secret PW)x"},
		{`{"k": ip}["k"]`, "(vm:base ipv4)"},
		{`(ip,)[0]`, "(vm:base ipv4)"},
		{`struct(a = ip).a`, "(vm:base ipv4)"},
		{`ip if ip != None else "none"`, "(vm:base ipv4)"},
		{`"none" if None == pw else pw`, "(secret PW)"},
		{`"yes" if type(ip) == "deferred" else "no"`, "yes"},
		{`"yes" if [ip] else "no"`, "yes"},
		{`"yes" if len([ip, pw]) == 2 else "no"`, "yes"},
		{`web.port(80) + ""`, "(vm:base port:80)"},
		{`svc.endpoint(80).address`, "(vm:base ipv4):(vm:base port:80)"},
		{`svc.endpoint(80).url("https", "x")`, "https://(vm:base ipv4):(vm:base port:80)/x"},
		{`svc.endpoint(80).url(inside = True)`, "http://127.0.0.1:80"},
		{`svc.endpoint(81).url(inside = True)`, "http://[::1]:81"},
		{`svc.endpoint(80).internal`, "svc:80"},
	}
	root := project(t)
	for _, c := range cases {
		src := scaffold + `
ip = web.ipv4
pw = secret("PW")
svc = compose_service(name = "svc", host = web, image = "a:1", healthcheck = healthcheck(["true"]), ports = [publish(80), publish(81, address = "::1")])
x = ` + c.expression + `
config_file(name = "x", host = web, path = "/x", content = x)
`
		e, err := load(t, root, src)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		content := *e.Files[0].Content
		if got := content.String(); got != c.want {
			t.Errorf("%s = %q, want %q", c.expression, got, c.want)
		}
		secret := strings.Contains(c.want, "PW")
		if content.Secret() != secret {
			t.Errorf("%s: secret is %v, want %v", c.expression, content.Secret(), secret)
		}
		answered, err := content.Render(func(leaf environments.Value) (string, error) { return "p@ss", nil })
		if err != nil || secret && !strings.Contains(answered, "p") {
			t.Errorf("%s renders to %q, %v", c.expression, answered, err)
		}
	}
}

// TestDeferredMisuse tries every operator, conversion and built-in function;
// each must be an error at its line that names the value and hints at fmt.
// @ stands for the value. The exact texts of many are in testdata/wrong.
func TestDeferredMisuse(t *testing.T) {
	expressions := []string{
		`@ == "x"`, `@ != "x"`, `"x" == @`, `"x" != @`, `@ < "x"`, `"x" < @`, `@ <= @`, `@ > 1`, `@ >= "x"`, `1 > @`,
		`@ in ["x"]`, `"x" in [@]`, `@ not in ["x"]`, `"x" not in [[@]]`, `"x" in @`, `@ in "x"`, `@ in {}`, `"x" in (@,)`,
		`[@] == ["x"]`, `(1, [@]) != 1`, `{"a": @} == {}`, `struct(a = @) == struct(a = "x")`, `[[@]] == [[@]]`,
		`"%s" % @`, `"%s %s" % ("a", @)`, `"%s" % [@]`, `@ % "x"`, `"%(a)s" % {"a": @}`,
		`@ * 2`, `2 * @`, `@ - 1`, `1 - @`, `@ / 2`, `@ // 2`, `@ | 1`, `1 | @`, `@ & 1`, `@ ^ 1`, `@ << 1`, `@ >> 1`, `-@`, `+@`, `~@`,
		`@ and 1`, `@ or 1`, `not @`, `1 if @ else 2`, `[1 for a in [1] if @]`, `(@) and 1`,
		`str(@)`, `str([@])`, `repr(@)`, `repr({"a": @})`, `print(@)`, `print([@])`, `fail(@)`, `fail([@])`, `bool(@)`, `len(@)`, `int(@)`, `float(@)`, `hash(@)`, `bytes(@)`,
		`list(@)`, `tuple(@)`, `dict(@)`, `sorted(@)`, `sorted([@, "a"])`, `reversed(@)`, `enumerate(@)`, `zip(@)`, `min(@)`, `min([@, "a"])`, `max("a", @)`,
		`any(@)`, `any([@])`, `all([@])`, `range(@)`, `abs(@)`, `ord(@)`, `chr(@)`,
		`"{}".format(@)`, `"{}".format([@])`, `"{a}".format(a = @)`, `",".join([@])`, `",".join(@)`, `@.join(["a"])`, `@.format()`,
		`"a".startswith(@)`, `"a".endswith(@)`, `"a".replace("a", @)`, `"a".split(@)`, `"a".count(@)`, `"a".find(@)`, `"a".index(@)`, `"a".strip(@)`, `@.upper()`, `@.elems()`,
		`@[0]`, `@[0:1]`, `@()`, `@.field`, `[a for a in @]`, `{@: 1}`, `{(@,): 1}`, `{}[@]`, `{}.get(@)`, `{}.setdefault(@, 1)`, `{}.pop(@)`, `[1][@]`, `[1][@:]`,
		`["a"].index(@)`, `[@].index("a")`, `["a"].remove(@)`, `[].insert(@, 1)`, `[].extend(@)`, `tcp(*@)`, `tcp(**@)`, `struct(**@)`, `getattr(@, "x")`, `math.sqrt(@)`,
	}
	root := project(t)
	for _, name := range []string{"web.ipv4", "pw", `fmt("{}:{}", web.ipv4, pw)`, `json.encode({"a": pw})`} {
		for _, e := range expressions {
			text := strings.ReplaceAll(e, "@", name)
			src := "web = vm(name = \"base\", provider = simulated(\"m\"))\npw = secret(\"PW\")\nx = " + text + "\n"
			_, err := load(t, root, src)
			message := problems(err)
			if !strings.HasPrefix(message, "e.star:3:") || !strings.Contains(message, `of vm "base"`) && !strings.Contains(message, `secret "PW"`) {
				t.Errorf("%s:\n%s", text, message)
			} else if !strings.Contains(message, "hint: ") || !strings.Contains(message, "known") && !strings.Contains(message, "used") {
				t.Errorf("%s lacks a reason or a hint:\n%s", text, message)
			}
		}
	}
}
