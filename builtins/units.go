package builtins

import (
	"math"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.starlark.net/starlark"
)

// duration takes a time such as "1m30s" and returns nanoseconds.
func duration(atLeast time.Duration) converter {
	return converter{"duration", func(v starlark.Value) (any, error) {
		s, ok := v.(starlark.String)
		if !ok {
			return nil, want(v, `a duration such as "30s"`)
		}
		d, err := time.ParseDuration(string(s))
		if err != nil {
			return nil, misfitf("%s is not a duration", quote(string(s))).withHint(`a number with a unit: "500ms", "30s", "5m", "1h30m"`)
		}
		if d < atLeast || d > 366*24*time.Hour {
			return nil, misfitf("%s is out of range, want %s to one year", quote(string(s)), atLeast)
		}
		return int64(d), nil
	}}
}

var sizeUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
}

// size takes an amount such as "2GiB" and returns bytes.
func size(atLeast int64) converter {
	return converter{"size", func(v starlark.Value) (any, error) {
		s, ok := v.(starlark.String)
		if !ok {
			return nil, want(v, `a size such as "2GiB"`)
		}
		n, ok := parseSize(string(s))
		if !ok {
			return nil, misfitf("%s is not a size", quote(string(s))).withHint(`a number with KiB, MiB, GiB or TiB: "512MiB"`)
		}
		if n < atLeast {
			return nil, misfitf("%s is too small, want at least %dMiB", quote(string(s)), atLeast>>20)
		}
		return n, nil
	}}
}

func parseSize(s string) (int64, bool) {
	for _, u := range sizeUnits {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			f, err := strconv.ParseFloat(number, 64)
			f *= float64(u.factor)
			if err != nil || f < 1 || f > math.MaxInt64/2 {
				return 0, false
			}
			return int64(f), true
		}
	}
	return 0, false
}

// spelled checks with c and keeps the text as it was written.
func spelled(c converter) converter {
	return converter{c.name, func(v starlark.Value) (any, error) {
		if _, err := c.convert(v); err != nil {
			return nil, err
		}
		return string(v.(starlark.String)), nil
	}}
}

// absolute takes a clean absolute path on a machine or in a container.
func absolute() converter {
	return checked(text(), "absolute path", func(s string) error {
		if !path.IsAbs(s) {
			return misfitf("%s is not an absolute path", quote(s))
		}
		if path.Clean(s) != s || s == "/" {
			return misfitf("%s is not a plain path to a file or directory", quote(s)).withHint("write it without .., //, or a / at its end")
		}
		return control(s)
	})
}

// relative takes a path in the project.
func relative() converter {
	return checked(filled(), "path", func(s string) error {
		if path.IsAbs(s) || path.Clean(s) == ".." || strings.HasPrefix(path.Clean(s), "../") {
			return misfitf("%s is outside the project", quote(s)).withHint("paths are relative to the directory that holds environments/")
		}
		return control(s)
	})
}

func control(s string) error {
	if strings.ContainsAny(s, "\n\r") {
		return misfitf("%s contains a line break", quote(s))
	}
	return nil
}

var octal = regexp.MustCompile(`^0[0-7]{3}$|^[1-7][0-7]{3}$`)

// fileMode takes four octal digits.
func fileMode() converter {
	return checked(text(), "file mode", func(s string) error {
		if !octal.MatchString(s) {
			return misfitf("%s is not a file mode", quote(s)).withHint(`four octal digits: "0644"`)
		}
		return nil
	})
}

// or takes "" as well.
func orEmpty(c converter) converter {
	return converter{c.name, func(v starlark.Value) (any, error) {
		if s, ok := v.(starlark.String); ok && s == "" {
			return "", nil
		}
		return c.convert(v)
	}}
}

// address takes an IP address.
func address() converter {
	return checked(text(), "IP address", func(s string) error {
		if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" {
			return misfitf("%s is not an IP address", quote(s))
		}
		return nil
	})
}

// network takes an address with a prefix length; as a network the host bits
// must be zero.
func prefix(asNetwork bool, family string) converter {
	return checked(text(), "CIDR prefix", func(s string) error {
		p, err := netip.ParsePrefix(s)
		if err != nil || family == "v4" && !p.Addr().Is4() || family == "v6" && !p.Addr().Is6() {
			return misfitf("%s is not an IP%s address with a prefix length", quote(s), family).withHint(`such as "10.0.0.0/8" or "fd00::/8"`)
		}
		if asNetwork && p.Masked() != p {
			return misfitf("%s has bits beyond its prefix length", quote(s)).withHint("did you mean %q?", p.Masked())
		}
		return nil
	})
}
