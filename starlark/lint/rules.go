package lint

import (
	"slices"

	"github.com/torrust/tracker-deployer/environments"
)

// A Rule is one thing to look for.
type Rule struct {
	Code    string `json:"code"`    // as comments and --explain name it
	Summary string `json:"summary"` // what is found, in a line
	Why     string `json:"why"`     // why it matters and when it does not, sentences
	Bad     string `json:"bad"`     // a whole file that it complains about, once
	Good    string `json:"good"`    // the same, as it should be: no rule complains

	discreet bool                                      // findings do not show their line
	file     func(*checker, *file)                     // looks at the text; nil for none
	whole    func(*checker, *environments.Environment) // looks at what it evaluates to; nil for none
}

// Find returns the rule with a code.
func Find(code string) (Rule, bool) {
	rules := Rules()
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.Code == code })
	if i < 0 {
		return Rule{}, false
	}
	return rules[i], true
}
