package trackerconfig_test

import (
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/internal/lab/trackerconfig"
)

const least = `
[metadata]
schema_version = "3.0.0"
[logging]
trace_filter = "info"
[core]
listed = false
private = false
`

// A configuration of the development generation, and what is wrong with others.
func TestParse(t *testing.T) {
	cases := []struct {
		name, version, text string
		want                string // in the error, "" = none
	}{
		{"least", "3.0.0", least, ""},
		{"no such version", "4.0.0", least, `configuration schema "4.0.0"`},
		{"not TOML", "3.0.0", "[core", "configuration: toml:"},
		{"unknown field", "3.0.0", least + "shiny = true\n", "'shiny'"},
		{"mandatory field", "3.0.0", strings.Replace(least, "private = false\n", "", 1), "'private'"},
		{"another version", "2.0.0", least, "schema_version"},
		{"a number out of range", "3.0.0", least + "[udp_tracker_server]\nip_bans_reset_interval_in_secs = 1\n", "want 3,600"},
		{"listed without a database", "3.0.0", strings.Replace(least, "listed = false", "listed = true", 1), "'database'"},
	}
	for _, c := range cases {
		document, err := trackerconfig.Parse(c.version, []byte(c.text))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want == "" && document["core"] == nil:
			t.Errorf("%s: no core in %v", c.name, document)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want an error with %s", c.name, err, c.want)
		}
	}
}
