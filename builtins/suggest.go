package builtins

import (
	"fmt"
	"strings"
)

// Suggest returns the one of names that word was probably meant to be, or "".
// A transposition counts as one edit; ties go to the first.
func Suggest(word string, names []string) string {
	best, least := "", min(1+len(word)/4, 3)+1
	for _, name := range names {
		if d := distance(strings.ToLower(word), name, least); d < least && d < len(word) && name != word {
			best, least = name, d
		}
	}
	return best
}

// meant returns ` (did you mean "x"?)`, or "" when nothing is close.
func meant(word string, names []string) string {
	if s := Suggest(word, names); s != "" {
		return fmt.Sprintf(" (did you mean %q?)", s)
	}
	return ""
}

// distance is the restricted Damerau-Levenshtein distance of a and b, or
// limit+1 when their lengths alone differ by more.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit || len(a) > 100 {
		return limit + 1
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
