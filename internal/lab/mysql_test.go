package lab

import "testing"

// The suite and the files beside the script decide the image too; what has
// neither keeps the key that it had before there were any.
func TestKeyOfSuiteAndFilesBeside(t *testing.T) {
	builds := []imageBuild{
		{name: "n", script: "s"},
		{name: "n", script: "s", suite: "sid"},
		{name: "n", script: "s", beside: []beside{{"entry", "a"}}},
		{name: "n", script: "s", beside: []beside{{"entry", "b"}}},
	}
	seen := map[string]int{}
	for i, b := range builds {
		key := b.recipe("x", "").key()
		if j, ok := seen[key]; ok {
			t.Errorf("images %d and %d have the same key", j, i)
		}
		seen[key] = i
	}
	if got := (imageBuild{name: "n", script: "s", suite: suite}).recipe("x", "").key(); got != builds[0].recipe("x", "").key() {
		t.Errorf("the default suite written out makes another key, %s", got)
	}
}
