package environments

import (
	"encoding/json"
	"slices"
	"testing"
)

func named(tasks []Task) []string {
	var names []string
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	return names
}

func TestAsked(t *testing.T) {
	e := Environment{
		Tasks: []Task{{Declared: Declared{Name: "a"}}, {Declared: Declared{Name: "b"}}, {Declared: Declared{Name: "c"}}},
		Groups: []Group{
			{Declared: Declared{Name: "all"}, Of: []string{"group:some", "task:a"}},
			{Declared: Declared{Name: "some"}, Of: []string{"task:c", "service:b", "group:all"}},
		},
	}
	for _, c := range []struct {
		targets []string
		want    []string
	}{
		{nil, nil}, {[]string{"deploy", "x", "service:a"}, nil}, {[]string{"b"}, []string{"b"}},
		{[]string{"task:c", "a"}, []string{"a", "c"}}, {[]string{"all"}, []string{"a", "c"}},
		{[]string{"group:some", "b"}, []string{"a", "b", "c"}},
	} {
		if got := named(e.Asked(c.targets)); !slices.Equal(got, c.want) {
			t.Errorf("Asked(%q) = %q, want %q", c.targets, got, c.want)
		}
	}
}

// Every place in which an argument may stand is filled, with the value of its
// own task, and the environment itself stays as it was.
func TestBind(t *testing.T) {
	dark, argument := "dark", Value{Kind: Argument, Name: "theme"}
	needed := Value{Kind: Argument, Name: "needed"}
	text := func(v Value) Data { return Data{Text: &v} }
	e := &Environment{Tasks: []Task{
		{
			Declared: Declared{Name: "a"}, Args: []Option{{Name: "theme", Default: &dark}, {Name: "needed"}},
			Run: [][]Value{{Text("x"), argument}, {Join(Text("-"), argument, Text("-"), needed), {Kind: Quote, Parts: []Value{argument}}}},
			Env: []NamedValue{{"A", argument}, {"B", Value{Kind: Encode, Format: "json", Data: &Data{Map: &[]Pair{
				{"k", Data{List: &[]Data{text(argument)}}}, {"n", text(needed)}}}}}},
		},
		{Declared: Declared{Name: "b"}, Args: []Option{{Name: "theme", Default: &dark}}, Run: [][]Value{{argument}}},
	}}
	before := encoded(t, e)
	bound := e.Bind(map[string]map[string]string{"a": {"theme": "light"}})
	show := func(t Task) (out []string) {
		for _, argv := range t.Run {
			for _, v := range argv {
				out = append(out, v.String())
			}
		}
		for _, e := range t.Env {
			out = append(out, e.Value.String())
		}
		return out
	}
	want := []string{"x", "light", "-light-(argument needed)", "light", "light", "{\n  \"k\": [\n    \"light\"\n  ],\n  \"n\": \"(argument needed)\"\n}\n"}
	if got := show(bound.Tasks[0]); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := show(bound.Tasks[1]); !slices.Equal(got, []string{"dark"}) {
		t.Errorf("the other task has %q, want its own default", got)
	}
	if a := bound.Tasks[0].Args; *a[0].Value != "light" || a[1].Value != nil {
		t.Errorf("the values are %v", a)
	}
	if after := encoded(t, e); after != before {
		t.Errorf("the environment was changed:\n%s\n%s", before, after)
	}
}

func encoded(t *testing.T, e *Environment) string {
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParseOption(t *testing.T) {
	for _, c := range []struct {
		kind, text, want string
		ok               bool
	}{
		{"string", "a b=c", "a b=c", true}, {"string", "", "", true}, {"string", "a\x00", "", false},
		{"int", "007", "7", true}, {"int", "-3", "-3", true}, {"int", "", "", false}, {"int", "1.5", "", false},
		{"int", "99999999999999999999", "", false}, {"int", "0x10", "", false},
		{"bool", "true", "true", true}, {"bool", "True", "", false}, {"bool", "1", "", false},
		{"list", "a,,b,", "a,b", true}, {"list", "", "", true},
	} {
		got, ok := Option{Type: c.kind}.Parse(c.text)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s %q: got %q, %v, want %q, %v", c.kind, c.text, got, ok, c.want, c.ok)
		}
	}
}
