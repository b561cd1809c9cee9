package environments

import (
	"slices"
	"strings"
	"testing"
)

func TestJoin(t *testing.T) {
	ref := Value{Kind: Ref, Node: "vm:web", Attribute: "ipv4"}
	v := Join(Text("a"), Text(""), Text("b"), Join(ref, Text("c")), Text("d"), Value{})
	if got := v.String(); got != "ab(vm:web ipv4)cd" {
		t.Errorf("got %q", got)
	}
	if len(v.Parts) != 3 {
		t.Errorf("%d parts, want 3: %+v", len(v.Parts), v.Parts)
	}
	if v := Join(Text(""), ref); v.Kind != Ref {
		t.Errorf("a single part became %q", v.Kind)
	}
	if s, ok := Join().Static(); s != "" || !ok {
		t.Errorf("nothing joined is %q, %v", s, ok)
	}
}

// nothing suggests nothing.
func nothing(string, []string) string { return "" }

func TestCheckKnowsBrokenNodes(t *testing.T) {
	e := Environment{Services: []Service{{Declared: Declared{Name: "app"}, Host: "web", DependsOn: []string{"db"}}}}
	if got := e.Check(nil, nothing); len(got) != 2 {
		t.Errorf("got %v, want the host and the service", got)
	}
	if got := e.Check([]string{"vm:web", "service:db"}, nothing); len(got) != 0 {
		t.Errorf("got %v for nodes that are broken", got)
	}
}

// A cycle is told once, by the shortest way, however many lead into it.
func TestCheckTellsACycleOnce(t *testing.T) {
	task := func(name string, after ...string) Task {
		t := Task{Declared: Declared{Name: name}}
		for _, a := range after {
			t.After = append(t.After, "task:"+a)
		}
		return t
	}
	e := Environment{Tasks: []Task{task("in", "a"), task("a", "b", "c"), task("b", "d"), task("c", "a"), task("d", "a"), task("x", "x")}}
	var messages []string
	for _, p := range e.Check(nil, nothing) {
		messages = append(messages, p.Message)
	}
	want := []string{
		`task "a": needs itself: task:a -> task:c -> task:a`,
		`task "x": needs itself: task:x -> task:x`,
	}
	if !slices.Equal(messages, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(messages, "\n"), strings.Join(want, "\n"))
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "127.0.0.1", true}, {"", "", true}, {"127.0.0.1", "127.0.0.1", true}, {"127.0.0.1", "127.0.0.2", false},
		{"0.0.0.0", "127.0.0.1", true}, {"0.0.0.0", "::1", false}, {"::", "::1", true}, {"::1", "0:0:0:0:0:0:0:1", true},
	} {
		if overlap(c.a, c.b) != c.want || overlap(c.b, c.a) != c.want {
			t.Errorf("overlap(%q, %q) is not %v", c.a, c.b, c.want)
		}
	}
}

func TestWriteProblems(t *testing.T) {
	var b strings.Builder
	WriteProblems(&b, []Problem{
		{Position: Position{"e.star", 2, 7}, Message: "m", Source: "\tx = ü", Calls: []Position{{"f.star", 1, 2}}, Hint: "h"},
		{Position: Position{File: "e.star"}, Message: "no line"},
		{Message: "nowhere"},
		{Position: Position{"e.star", 1, 103}, Message: "long", Source: strings.Repeat("y", 160), Offset: 100},
	})
	want := "e.star:2:7: m\n    \tx = ü\n    \t     ^\ncalled from f.star:1:2\nhint: h\n" +
		"e.star: no line\nnowhere\ne.star:1:103: long\n    …" + strings.Repeat("y", 160) + "…\n       ^\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
