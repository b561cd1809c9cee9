package builtins

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func param() Builtin {
	return Builtin{
		Name: "param", positional: 3,
		Doc:     "A value that KEY=VALUE on the command line sets, else environments/NAME.params.json, else the default.",
		Example: `memory = param("memory", "string", "2GiB", doc = "Memory of the machine.")`,
		kind:    "param",
		Parameters: []Parameter{
			{Name: "name", to: matching("parameter name", `[A-Za-z_][A-Za-z0-9_]{0,63}`, "a name of letters, digits and _"), Example: `"memory"`, Doc: "Unique among the parameters."},
			{Name: "type", to: typeNames(), Example: `"string"`, Doc: `"string", "int", "bool" or "list" (of strings, separated by commas on the command line); str, int, bool and list mean the same.`},
			{Name: "default", to: plain(), Example: `"2GiB"`, Doc: "Value when nothing sets it."},
			{Name: "choices", to: optional(listOf[starlark.Value](plain())), preset: starlark.None, Example: `["1GiB", "2GiB"]`, Doc: "The values it may have; None is any."},
			{Name: "doc", to: text(), preset: starlark.String(""), Example: `"Memory of the machine."`, Doc: "Shown by list."},
		},
		make: makeParam,
	}
}

// plain takes any value that is known now.
func plain() converter {
	return converter{"any value", func(v starlark.Value) (any, error) {
		switch v.(type) {
		case *Deferred, Invalid:
			return nil, want(v, "a value that is known now")
		}
		return v, nil
	}}
}

var paramTypes = []string{"string", "int", "bool", "list"}

// typeNames takes the name of a type or Starlark's function of that name.
func typeNames() converter {
	byName := choice(paramTypes...)
	return converter{byName.name, func(v starlark.Value) (any, error) {
		if b, ok := v.(*starlark.Builtin); ok {
			v = starlark.String(b.Name())
			if b.Name() == "str" {
				v = starlark.String("string")
			}
		}
		return byName.convert(v)
	}}
}

func makeParam(c *call) starlark.Value {
	p := environments.Param{Declared: c.declare(), Type: get[string](c, "type"), Doc: get[string](c, "doc")}
	standard, err := fits(p.Type, get[starlark.Value](c, "default"))
	if err != nil {
		c.problem("default", "default: "+err.Error(), "")
		return nil
	}
	p.Default = written(standard)
	result := standard
	var ok bool
	if p.Choices, ok = c.choices(p.Type); !ok {
		return nil
	}
	if s, ok := c.Params[p.Name]; ok {
		if result, err = parse(p.Type, s.Value); err != nil {
			c.problem("", fmt.Sprintf("%v (from %s)", err, s.From), "")
			return nil
		}
	}
	p.Value = written(result)
	if len(p.Choices) > 0 && !contains(p.Choices, p.Value) {
		c.problem("", fmt.Sprintf("%s is none of its choices%s", quote(p.Value), meant(p.Value, p.Choices)), "one of "+strings.Join(p.Choices, ", "))
		return nil
	}
	c.Environment.Params = append(c.Environment.Params, p)
	return result
}

// choices returns the argument of that name, written; false is a problem that
// was told: one of them is not of the type.
func (c *call) choices(kind string) (list []string, ok bool) {
	for i, v := range get[[]starlark.Value](c, "choices") {
		x, err := fits(kind, v)
		if err != nil {
			c.problem("choices", fmt.Sprintf("choices[%d]: %v", i, err), "")
			return nil, false
		}
		list = append(list, written(x))
	}
	return list, true
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// fits checks that a value of the environment file has the declared type.
func fits(kind string, v starlark.Value) (starlark.Value, error) {
	var c converter
	switch kind {
	case "string":
		c = text()
	case "int":
		c = integer(math.MinInt, math.MaxInt)
	case "bool":
		c = boolean()
	default:
		c = listOf[string](text())
	}
	if _, err := c.convert(v); err != nil {
		return nil, err
	}
	return v, nil
}

// parse converts a value from outside, which may be text or typed JSON.
func parse(kind string, v any) (starlark.Value, error) {
	text, isText := v.(string)
	switch kind {
	case "string":
		if isText {
			return starlark.String(text), nil
		}
	case "int":
		if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return starlark.MakeInt64(int64(f)), nil
		}
		if n, err := strconv.ParseInt(text, 10, 64); isText && err == nil {
			return starlark.MakeInt64(n), nil
		}
	case "bool":
		if b, ok := v.(bool); ok {
			return starlark.Bool(b), nil
		}
		if isText && (text == "true" || text == "false") {
			return starlark.Bool(text == "true"), nil
		}
	case "list":
		return parseList(v)
	}
	return nil, misfitf("%s is not of type %s", quote(fmt.Sprint(v)), kind)
}

func parseList(v any) (starlark.Value, error) {
	var items []starlark.Value
	switch v := v.(type) {
	case string:
		for _, s := range strings.Split(v, ",") {
			if s != "" {
				items = append(items, starlark.String(s))
			}
		}
	case []any:
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, misfitf("%s is not a list of strings", quote(fmt.Sprint(v)))
			}
			items = append(items, starlark.String(s))
		}
	default:
		return nil, misfitf("%s is not of type list", quote(fmt.Sprint(v)))
	}
	return starlark.NewList(items), nil
}

// written returns the text of a parameter as the command line takes it.
func written(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.String:
		return string(v)
	case starlark.Bool:
		return strings.ToLower(v.String())
	case starlark.Indexable:
		words := make([]string, v.Len())
		for i := range words {
			s, _ := starlark.AsString(v.Index(i))
			words[i] = s
		}
		return strings.Join(words, ",")
	}
	return v.String()
}
