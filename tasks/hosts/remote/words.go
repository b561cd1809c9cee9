package remote

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// absolute refuses what cannot be meant as a path on a machine.
func absolute(name string) error {
	switch {
	case !strings.HasPrefix(name, "/"):
		return fmt.Errorf("path %q is not absolute", name)
	case path.Clean(name) == "/":
		return errors.New("the root directory is left alone")
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("path %q has a NUL in it", name)
	}
	return nil
}

// named refuses what cannot be a name in nft's syntax and of a systemd unit.
func named(table string) error {
	for i, c := range table {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return fmt.Errorf("table %q: a name has letters, digits and _ only", table)
		}
	}
	if table == "" {
		return errors.New("a table needs a name")
	}
	return nil
}

// mode writes octal digits as stat prints them.
func mode(digits, otherwise string) string {
	if digits == "" {
		return otherwise
	}
	if short := strings.TrimLeft(digits, "0"); short != "" {
		return short
	}
	return "0"
}

func orRoot(account string) string {
	if account == "" {
		return "root"
	}
	return account
}

func sorted(values map[string]string) []string { return slices.Sorted(maps.Keys(values)) }
