package eval_test

import (
	"slices"
	"testing"

	"github.com/torrust/tracker-deployer/starlark/eval"
)

func TestComments(t *testing.T) {
	src := "# one \nx = \"# no\" # two\ny = \"\"\"\n# no \\\"\"\"\n\"\"\"  # three\nz = r'\\' # no' #é four\n0#five"
	want := []eval.Comment{
		{1, 1, true, "# one"}, {2, 12, false, "# two"}, {5, 6, false, "# three"}, {6, 16, false, "#é four"}, {7, 2, false, "#five"},
	}
	if got := eval.Comments([]byte(src)); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
