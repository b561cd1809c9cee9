package main

import (
	"maps"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
)

// KEY=VALUE is an argument where a task that is asked for takes it, and a
// parameter of the file otherwise.
func TestSplit(t *testing.T) {
	few := "3"
	env := &environments.Environment{Tasks: []environments.Task{
		{Declared: environments.Declared{Name: "announce"}, Args: []environments.Option{{Name: "peers", Default: &few}, {Name: "to"}}},
		{Declared: environments.Declared{Name: "other"}, Args: []environments.Option{{Name: "size", Default: &few}}},
	}}
	w := words{names: []string{"announce"}, settings: map[string]string{"to": "web", "size": "large"}}
	params, arguments := split(env, w)
	if want := map[string]string{"size": "large"}; !maps.Equal(params, want) {
		t.Errorf("parameters %v, want %v", params, want)
	}
	if want := map[string]string{"peers": "3", "to": "web"}; !maps.Equal(arguments, want) {
		t.Errorf("arguments %v, want %v", arguments, want)
	}
	if len(w.settings) != 2 {
		t.Errorf("the settings themselves were changed: %v", w.settings)
	}
}
