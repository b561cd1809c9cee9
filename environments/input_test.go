package environments

import (
	"encoding/json"
	"testing"
)

func TestInputsKeepTheirBytes(t *testing.T) {
	for _, in := range []Input{{Path: "a b\n<%>.txt"}, {Path: "\xff\xfe.txt"}, {Task: "pages"}, {}} {
		data, err := json.Marshal([]Input{in})
		if err != nil {
			t.Fatal(err)
		}
		var back []Input
		if err := json.Unmarshal(data, &back); err != nil || back[0] != in {
			t.Errorf("%q came back as %q by way of %s (%v)", in, back, data, err)
		}
	}
}
