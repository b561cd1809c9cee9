package main

import (
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/tasks"
)

// What nodes say has a colour for each of them, the same in every line.
func TestSpeakersAreToldApart(t *testing.T) {
	var out strings.Builder
	v := &plainScreen{&out, 0, style{on: true, speakers: map[string]int{}}}
	for _, node := range []string{"task:a", "task:b", "task:a"} {
		v.event(tasks.NodeProgress{Node: node, Line: "hello"})
	}
	want := "\x1b[36mtask:a:\x1b[0m hello\n\x1b[33mtask:b:\x1b[0m hello\n\x1b[36mtask:a:\x1b[0m hello\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
