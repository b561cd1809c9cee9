package main

import (
	"maps"
	"reflect"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
)

// KEY=VALUE is an argument of every task that is asked for and takes it, and a
// parameter of the file otherwise.
func TestSplit(t *testing.T) {
	few := "3"
	declared := func(name string, args ...environments.Option) environments.Task {
		return environments.Task{Declared: environments.Declared{Name: name}, Args: args}
	}
	env := &environments.Environment{
		Tasks: []environments.Task{
			declared("announce", environments.Option{Name: "peers", Default: &few}, environments.Option{Name: "to"}),
			declared("other", environments.Option{Name: "size", Default: &few}),
			declared("third", environments.Option{Name: "to"}),
		},
		Groups: []environments.Group{{Declared: environments.Declared{Name: "both"}, Of: []string{"task:third"}}},
	}
	w := words{names: []string{"announce", "both"}, settings: map[string]string{"to": "web", "size": "large"}}
	params, arguments := split(env, w)
	if want := map[string]string{"size": "large"}; !maps.Equal(params, want) {
		t.Errorf("parameters %v, want %v", params, want)
	}
	want := map[string]map[string]string{"announce": {"to": "web"}, "third": {"to": "web"}}
	if !reflect.DeepEqual(arguments, want) {
		t.Errorf("arguments %v, want %v", arguments, want)
	}
	if len(w.settings) != 2 {
		t.Errorf("the settings themselves were changed: %v", w.settings)
	}
}
