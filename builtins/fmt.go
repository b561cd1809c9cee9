package builtins

import (
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

func format() Builtin {
	return Builtin{
		Name: "fmt", positional: 1,
		Doc:     "Text with values in the places of {}. The result is deferred when one of them is. {{ and }} are braces.",
		Example: `fmt("http://{}:{}/", web.ipv4, web.port(80))`,
		Parameters: []Parameter{
			{Name: "pattern", to: text(), Example: `"http://{}:{}/"`, Doc: "The text."},
			{Name: "*values", to: listOf[environments.Value](scalar()), preset: starlark.Tuple{}, Example: "web.ipv4, web.port(80)", Doc: "One value for every {}: text, numbers, booleans, deferred values."},
		},
		make: func(c *call) starlark.Value {
			pieces, err := splitPattern(get[string](c, "pattern"))
			values := get[[]environments.Value](c, "*values")
			if err == nil && len(pieces)-1 != len(values) {
				err = misfitf("pattern has %d {}, but %d values are given", len(pieces)-1, len(values))
			}
			if err != nil {
				c.problem("pattern", err.message, err.hint)
				return nil
			}
			parts := []environments.Value{environments.Text(pieces[0])}
			for i, v := range values {
				parts = append(parts, v, environments.Text(pieces[i+1]))
			}
			return c.deferred(environments.Join(parts...))
		},
	}
}

// splitPattern cuts a pattern at every {} and undoes {{ and }}.
func splitPattern(s string) ([]string, *misfit) {
	var pieces []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		pair := s[i:min(i+2, len(s))]
		switch {
		case pair == "{{" || pair == "}}":
			b.WriteByte(s[i])
			i++
		case pair == "{}":
			pieces = append(pieces, b.String())
			b.Reset()
			i++
		case s[i] == '{' || s[i] == '}':
			return nil, misfitf("pattern: %q without its partner", s[i:i+1]).withHint("{} stands for a value, {{ and }} for braces; {name} and {0} do not exist here")
		default:
			b.WriteByte(s[i])
		}
	}
	return append(pieces, b.String()), nil
}
