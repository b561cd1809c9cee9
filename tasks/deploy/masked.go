package deploy

import (
	"strings"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
)

// unshown stands for a line on a machine that may hold a secret of which
// nobody here knows: an earlier value, or somebody else's.
const unshown = "(a line that is not shown: this file may hold secrets)\n"

// mark stands before and behind the name of a secret in a text that is made for
// people. It is one that no encoding of a value changes, unlike what it becomes
// in the end.
const mark = "Q7secretQ7x"

// marked answers like s.Masked, but for a secret with its name between marks.
func marked(s *tasks.Scope) environments.Lookup {
	return func(leaf environments.Value) (string, error) {
		if leaf.Kind == environments.Hidden {
			return mark + leaf.Name + mark, nil
		}
		return s.Masked(leaf)
	}
}

// unmark makes text with marks one for people.
func unmark(text string) string {
	parts := strings.Split(text, mark)
	for i := 1; i < len(parts); i += 2 {
		parts[i] = tasks.Mask(parts[i])
	}
	return strings.Join(parts, "")
}

// private reports whether a file with this mode is for its owner alone. What
// others may read is shown; what they may not, might have held secrets before
// the environment changed.
func private(mode string) bool { return strings.HasSuffix(mode, "00") }

// maskLines returns text, a file on a machine, as people may see it beside
// wanted, the same file with its secrets marked. A line is shown when wanted
// has it too, or, in a file that is known to hold secrets, when its key is
// that of a wanted line without one: "level = trace" beside "level = info". A
// line with the key of a secret is shown as wanted has it, the first one of a key
// as the first there.
func maskLines(text, wanted string, edits bool) string {
	same, plain, secret := map[string]bool{}, map[string]bool{}, map[string][]string{}
	for line := range strings.Lines(wanted) {
		same[strings.TrimRight(line, "\n")] = true
		if head, _, hidden := strings.Cut(line, mark); hidden {
			secret[keyOf(head)] = append(secret[keyOf(head)], line)
		} else if key := keyOf(line); key != "" {
			plain[key] = edits
		}
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		key := keyOf(line)
		masked := secret[key]
		switch {
		case len(masked) > 0:
			b.WriteString(masked[0])
			secret[key] = masked[min(1, len(masked)-1):] // the last one stands for all that follow
		case same[strings.TrimRight(line, "\n")] || strings.TrimSpace(line) == "" || plain[key]:
			b.WriteString(line)
		default:
			b.WriteString(unshown)
		}
	}
	return b.String()
}

// keyOf returns what a line of configuration begins with, before the first =
// or :, without quotes; "" where there is neither.
func keyOf(line string) string {
	at := strings.IndexAny(line, "=:")
	if at < 0 {
		return ""
	}
	return strings.Trim(line[:at], " \t\"'{[,-")
}
