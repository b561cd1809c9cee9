package environments

import (
	"fmt"
	"strings"
	"testing"
)

// A cycle through every kind of field: each step is told with the field that
// makes it and its place.
func TestCycleTellsEveryStep(t *testing.T) {
	at := func(name string, line int) Declared {
		return Declared{Name: name, Position: Position{File: "e.star", Line: line, Column: 1}}
	}
	ref := func(node string) Value { return Value{Kind: Ref, Node: node, Attribute: "x"} }
	content := ref("task:t")
	e := Environment{
		Hosts: []Host{{Declared: at("web", 1)}},
		Services: []Service{
			{Declared: at("a", 2), Host: "web", DependsOn: []string{"b"}},
			{Declared: at("b", 3), Host: "web", Files: []Mount{{File: "f"}}},
		},
		Files: []File{{Declared: at("f", 4), Host: "web", Content: &content}},
		Tasks: []Task{
			{Declared: at("t", 5), Inputs: []Input{{Task: "u"}}},
			{Declared: at("u", 6), After: []string{"group:g"}},
			{Declared: at("v", 7), Env: []NamedValue{{Name: "X", Value: ref("service:a")}}},
		},
		Groups: []Group{{Declared: at("g", 8), Of: []string{"task:v"}}},
	}
	problems := e.Check(nil, nil)
	if len(problems) != 1 {
		t.Fatalf("%d problems, want one: %v", len(problems), problems)
	}
	wantMessage := `compose_service "a": needs itself: service:a -> service:b -> file:f -> task:t -> task:u -> group:g -> task:v -> service:a`
	wantHint := "take one away: service:a needs service:b by depends_on at e.star:2:1, service:b needs file:f by files at e.star:3:1, " +
		"file:f needs task:t by content at e.star:4:1, task:t needs task:u by inputs at e.star:5:1, task:u needs group:g by after at e.star:6:1, " +
		"group:g needs task:v by of at e.star:8:1, task:v needs service:a by env at e.star:7:1"
	if p := problems[0]; p.Message != wantMessage || p.Hint != wantHint {
		t.Errorf("got\n%s\n%s\nwant\n%s\n%s", p.Message, p.Hint, wantMessage, wantHint)
	}
}

// A cycle of a thousand is no page of text.
func TestCycleIsShort(t *testing.T) {
	var e Environment
	const n = 1000
	for i := range n {
		e.Tasks = append(e.Tasks, Task{
			Declared: Declared{Name: fmt.Sprint(i), Position: Position{File: "e.star", Line: i + 1, Column: 1}},
			After:    []string{fmt.Sprintf("task:%d", (i+1)%n)},
		})
	}
	problems := e.Check(nil, nil)
	if len(problems) != 1 {
		t.Fatalf("%d problems, want one", len(problems))
	}
	p := problems[0]
	if got := strings.Count(p.Message, " -> "); got != longest-1 {
		t.Errorf("%d arrows in %s", got, p.Message)
	}
	if want := "task:5 -> (990 more) -> task:996 -> task:997 -> task:998 -> task:999 -> task:0"; !strings.Contains(p.Message, want) {
		t.Errorf("no %q in %q", want, p.Message)
	}
	if want := "(989 more), task:995 needs task:996 by after at e.star:996:1"; !strings.Contains(p.Hint, want) {
		t.Errorf("no %q in %q", want, p.Hint)
	}
}
