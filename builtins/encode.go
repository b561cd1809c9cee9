package builtins

import (
	"strings"

	"go.starlark.net/starlark"

	"github.com/torrust/tracker-deployer/environments"
)

// encoder is toml.encode, yaml.encode and json.encode.
func encoder(language string) Builtin {
	title := strings.ToUpper(language)
	return Builtin{
		Name: language + ".encode", positional: 1,
		Doc:     title + " text of a value. The result is deferred, and secret, when something in it is.",
		Example: language + `.encode({"listen": fmt("{}:80", web.ipv4)})`,
		Parameters: []Parameter{
			{Name: "value", to: encodable(language), Example: `{"listen": "0.0.0.0:80"}`, Doc: "Dictionaries and structs, lists, text, numbers and booleans; keys come out sorted."},
		},
		make: func(c *call) starlark.Value {
			d := get[environments.Data](c, "value")
			v := environments.Value{Kind: environments.Encode, Format: language, Data: &d, Position: c.pos}
			if language == "toml" { // the one in which a text may be impossible
				if _, err := v.Render(placeholder); err != nil {
					c.problem("value", "value: "+err.Error(), "")
					return nil
				}
			}
			return c.deferred(v)
		},
	}
}

// encodable takes what the language has a text for: TOML is a table.
func encodable(language string) converter {
	if language == "toml" {
		return dictionary()
	}
	return data()
}

// placeholder stands for every deferred leaf in a trial rendering.
func placeholder(leaf environments.Value) (string, error) { return leaf.Node + leaf.Name, nil }

func urlquote() Builtin {
	return Builtin{
		Name: "urlquote", positional: 1,
		Doc:     "Text, percent-encoded for a part of a URL.",
		Example: `fmt("mysql://torrust:{}@db:3306/torrust", urlquote(secret("DB_PASSWORD")))`,
		Parameters: []Parameter{
			{Name: "v", to: value(), Example: `"p@ss word"`, Doc: "The text, may be deferred."},
		},
		make: func(c *call) starlark.Value {
			return c.deferred(environments.Value{Kind: environments.Quote, Parts: []environments.Value{get[environments.Value](c, "v")}})
		},
	}
}
