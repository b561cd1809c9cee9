package layout

import (
	"strings"
	"testing"
	"time"
)

// What nests as deep as a file may, and what is as long, is formatted in time.
func TestDeepAndLong(t *testing.T) {
	const n, links = 70, 900
	for name, src := range map[string]string{
		"lists":      "x = " + strings.Repeat("[", n) + strings.Repeat("]", n),
		"calls":      "x = " + strings.Repeat("f(", n) + strings.Repeat(")", n),
		"dicts":      "x = " + strings.Repeat("{1:", n) + "1" + strings.Repeat("}", n),
		"broken":     "x = " + strings.Repeat("[\n1,", n) + strings.Repeat("]", n),
		"parens":     "x = " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"operators":  "x = 1" + strings.Repeat(" + 1", links),
		"attributes": "x = a" + strings.Repeat(".b", links),
		"lambdas":    "x = " + strings.Repeat("lambda: ", links/2) + "1",
		"long":       strings.Repeat("x(a=1,b=[1,2,3])  # one\n", 10_000),
		"wide":       "x = [" + strings.Repeat("1,\n", 50_000) + "]",
	} {
		start := time.Now()
		if _, err := Format("e.star", []byte(src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %s", name, took)
		} else {
			t.Logf("%s took %s", name, took)
		}
	}
}
