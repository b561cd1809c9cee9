package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// words are the arguments of a command taken apart: NAME… ENV KEY=VALUE… -- ARGV….
type words struct {
	names    []string // what stands before ENV: targets, a host, a service
	env      string
	settings map[string]string // KEY=VALUE
	argv     []string          // behind --
}

// parse takes args apart. The last word without "=" is ENV.
func parse(c *cobra.Command, args []string) (words, error) {
	w := words{settings: map[string]string{}}
	if at := c.ArgsLenAtDash(); at >= 0 {
		args, w.argv = args[:at], args[at:]
	}
	var plain []string
	for _, a := range args {
		key, value, ok := strings.Cut(a, "=")
		if !ok {
			plain = append(plain, a)
			continue
		}
		if !isKey(key) {
			return w, usage("%q is neither a word nor KEY=VALUE", a).hint("a key is letters, digits, _ and -")
		}
		if _, again := w.settings[key]; again {
			return w, usage("parameter %q is given twice", key)
		}
		w.settings[key] = value
	}
	if len(plain) == 0 {
		return w, usage("no environment is named").hint("usage: %s", c.UseLine())
	}
	w.env = plain[len(plain)-1]
	w.names = plain[:len(plain)-1]
	return w, nil
}

func isKey(s string) bool {
	ok := func(r rune) bool {
		return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !ok(r) })
}

// parseNames takes the args of a command apart that takes any number of names
// and nothing behind --.
func parseNames(c *cobra.Command, args []string) (words, error) {
	w, err := parse(c, args)
	if err != nil {
		return w, err
	}
	return w, w.exactly(c, len(w.names), false)
}

// parseUpTo takes the args of a command apart that takes so many names at most
// and nothing behind --.
func parseUpTo(c *cobra.Command, args []string, names int) (words, error) {
	w, err := parse(c, args)
	if err != nil {
		return w, err
	}
	return w, w.exactly(c, names, false)
}

// exactly refuses words that a command has no use for.
func (w words) exactly(c *cobra.Command, names int, argv bool) error {
	if len(w.names) > names {
		return usage("unexpected %q", w.names[names]).hint("usage: %s", c.UseLine())
	}
	if len(w.argv) > 0 && !argv {
		return usage("unexpected %q behind --", w.argv[0]).hint("usage: %s", c.UseLine())
	}
	return nil
}
