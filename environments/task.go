package environments

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// A Task is something of the user's that runs when it is asked for; its node
// is "task:NAME".
//
// A command that a shell reads is the argv sh -euc TEXT, whose text is a
// literal: what varies reaches it as a variable in Env, also the task's
// arguments, under their own names.
type Task struct {
	Declared
	Doc     string       `json:"doc,omitempty"`
	Run     [][]Value    `json:"run"` // argvs, one after the other
	Args    []Option     `json:"args,omitempty"`
	Inputs  []Input      `json:"inputs,omitempty"`
	Outputs []string     `json:"outputs,omitempty"`
	Env     []NamedValue `json:"env,omitempty"`
	Stdin   *Value       `json:"stdin,omitempty"` // what every command reads; nil = nothing
	Tools   []string     `json:"tools,omitempty"`
	After   []string     `json:"after,omitempty"` // node ids
	Host    string       `json:"host,omitempty"`  // "" = the operator's computer
	Cache   bool         `json:"cache"`
	Timeout int64        `json:"timeout"` // nanoseconds
}

// values yields what the task hands to its commands.
func (t Task) values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for _, argv := range t.Run {
			for _, v := range argv {
				if !yield(v) {
					return
				}
			}
		}
		for _, e := range t.Env {
			if !yield(e.Value) {
				return
			}
		}
		if t.Stdin != nil {
			yield(*t.Stdin)
		}
	}
}

// Needs returns the node ids that the task comes after, each once, in the order
// of its fields.
func (t Task) Needs() []string {
	var once []string
	for _, id := range taskTargets(&t) {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	return once
}

// A Group is a target that only names others; its node is "group:NAME".
type Group struct {
	Declared
	Doc string   `json:"doc,omitempty"`
	Of  []string `json:"of"` // node ids
}

// A Rename says that what is known as Old is New now. Both are node ids of one
// kind; nothing declares Old, and something declares New.
type Rename struct {
	Old      string     `json:"old"`
	New      string     `json:"new"`
	Position Position   `json:"position"`
	Calls    []Position `json:"calls,omitempty"`
}

// An Option is an argument of a task.
type Option struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`              // string, int, bool, list (of strings, separated by commas)
	Default *string  `json:"default,omitempty"` // as Parse returns it; nil = required
	Value   *string  `json:"value,omitempty"`   // in this run, see Bind; nil = none
	Choices []string `json:"choices,omitempty"` // as Parse returns them; none = any
	Doc     string   `json:"doc,omitempty"`
}

// Parse returns text as the task gets it: a number without leading zeros, a
// list without empty elements. It reports false when text is not of o's type;
// whether it is among the choices is for the caller to see.
func (o Option) Parse(text string) (string, bool) {
	switch o.Type {
	case "int":
		n, err := strconv.ParseInt(text, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	case "bool":
		return text, text == "true" || text == "false"
	case "list":
		words := slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" })
		return strings.Join(words, ","), !strings.ContainsRune(text, 0)
	default: // string
		return text, !strings.ContainsRune(text, 0)
	}
}

// Task returns the task called name.
func (e *Environment) Task(name string) (Task, bool) {
	return find(e.Tasks, func(t Task) bool { return t.Name == name })
}

// Group returns the group called name.
func (e *Environment) Group(name string) (Group, bool) {
	return find(e.Groups, func(g Group) bool { return g.Name == name })
}
