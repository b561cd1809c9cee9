package builtins

import (
	"fmt"
	"path"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func readConfig() Builtin {
	return Builtin{
		Name: "read_config", positional: 1,
		Doc:     "What a JSON, TOML or YAML file of the project holds, as a read-only dict. The ending of its name says which it is. Keys keep the order of the file (TOML: sorted), dates are text, null is None.",
		Example: `read_config("config/site.toml")["title"]`,
		Parameters: []Parameter{
			{Name: "path", to: relative(), Example: `"config/site.toml"`, Doc: "The file, relative to the project's root: NAME.json, .toml, .yaml or .yml, at most 2 MiB."},
		},
		make: makeReadConfig,
	}
}

// maxConfig is the size in bytes of the largest file that read_config takes:
// the parsers recurse, and this bounds how deep.
const maxConfig = 2 << 20

// deepest nesting of a configuration file, and how many values its aliases
// may make of it.
const (
	deepest    = 64
	mostValues = 1_000_000
)

// decoders are the formats by the ending of a file's name.
var decoders = map[string]func([]byte) (starlark.Value, *fault){
	".json": decodeJSON, ".toml": decodeTOML, ".yaml": decodeYAML, ".yml": decodeYAML,
}

// A fault is what is wrong with a configuration file, and where in it.
type fault struct {
	line, column int // 1-based; 0 = unknown
	message      string
}

func (f *fault) Error() string { return f.message }

func faultAt(line, column int, format string, args ...any) *fault {
	return &fault{line, column, fmt.Sprintf(format, args...)}
}

func makeReadConfig(c *call) starlark.Value {
	name := get[string](c, "path")
	decode := decoders[path.Ext(name)]
	if decode == nil {
		c.problem("path", fmt.Sprintf("path: %s does not say what it holds", quote(name)), "it is called NAME.json, NAME.toml, NAME.yaml or NAME.yml")
		return nil
	}
	data, err := c.Files.ReadFile(name)
	if err != nil {
		c.problem("path", "path: "+cause(err, name), "")
		return nil
	}
	if len(data) > maxConfig {
		c.problem("path", fmt.Sprintf("path: %s has %d bytes, at most %d (2 MiB)", quote(name), len(data), maxConfig), "")
		return nil
	}
	if _, err := checkText(string(data)); err != nil {
		c.problem("path", "path: "+quote(name)+": "+err.Error(), "")
		return nil
	}
	v, wrong := decode(data)
	if wrong == nil {
		if _, dict := v.(*starlark.Dict); !dict {
			wrong = faultAt(1, 1, "got %s at the top, want a dict", TypeName(v))
		}
	}
	if wrong != nil {
		c.bad = true
		c.problems = append(c.problems, environments.Problem{
			Position: environments.Position{File: path.Clean(name), Line: wrong.line, Column: wrong.column},
			Calls:    append([]environments.Position{c.pos}, c.calls...), Message: "read_config: " + wrong.message,
		})
		return nil
	}
	v.Freeze()
	return v
}
