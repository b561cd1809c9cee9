package reference

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
)

// A form of a type in other languages.
type kind struct {
	python string
	schema string // of the value as JSON, an object without its braces
}

const (
	jsonText   = `"type": "string"`
	jsonScalar = `"type": ["string", "number", "boolean"]`
	jsonWords  = `"type": "array", "items": {"type": "string"}, "minItems": 1`
	jsonTexts  = `"type": "array", "items": {"type": "string"}`
)

// kinds are the words for types in the tables of built-ins; " or None" is
// known beside them, and so are the names of handles.
var kinds = map[string]kind{
	"any value":                             {"Any", ""},
	"any value, may be deferred":            {"Any", ""},
	"value":                                 {"Any", ""},
	"None":                                  {"None", `"type": "null"`},
	"nothing":                               {"NoReturn", `"not": {}`},
	"resource":                              {"Any", ""},
	"bool":                                  {"bool", `"type": "boolean"`},
	"int":                                   {"int", `"type": "integer"`},
	"number":                                {"int | float | str", `"type": ["number", "string"]`},
	"text, may be deferred":                 {"Text", jsonText},
	"text, number or bool, may be deferred": {"Scalar", jsonScalar},
	"text, may be secret":                   {"Text", jsonText},
	"secret":                                {"Text", ""},
	"text, config_file or mount(…)":         {"Text | ConfigFile | Mount", jsonText},
	"deferred text or endpoint":             {"Text | Endpoint", jsonText},
	"dict":                                  {"Mapping[str, Any]", `"type": "object"`},
	"dict of strings":                       {"Mapping[str, str]", `"type": "object", "additionalProperties": {"type": "string"}`},
	"dict of text, number or bool, may be deferred":     {"Mapping[str, Scalar]", `"type": "object", "additionalProperties": {` + jsonScalar + `}`},
	"dict of text, config_file or mount(…)":             {"Mapping[str, Text | ConfigFile | Mount]", `"type": "object", "additionalProperties": {"type": "string"}`},
	"dict of names or volume(…)":                        {"Mapping[str, str | Volume]", `"type": "object", "additionalProperties": {"type": "string"}`},
	"dict of option(…)":                                 {"Mapping[str, Option]", `"type": "object"`},
	"dict of status, body, json, silent":                {"Mapping[str, Any]", `"type": "object", "propertyNames": {"enum": ["status", "body", "json", "silent"]}`},
	"list of values":                                    {"list[Any]", `"type": "array"`},
	"list of any values or None":                        {"list[Any] | None", `"type": ["array", "null"]`},
	"list of words":                                     {"list[Text] | list[str]", jsonWords},
	"list of words, shell(…), or list of such commands": {"list[Any] | Shell", `"type": "array", "minItems": 1`},
	"list of text, number or bool, may be deferred":     {"list[Scalar]", `"type": "array", "items": {` + jsonScalar + `}`},
	"list of paths or tasks":                            {"list[str | Task] | list[str] | list[Task]", jsonTexts},
	"list of resources or task names":                   {"list[Any]", jsonTexts},
	"list of services or names":                         {"list[ComposeService | str] | list[ComposeService] | list[str]", jsonTexts},
	"dict of endpoints":                                 {"Mapping[str, Endpoint]", `"type": "object"`},
	"letsencrypt(…) or acme(…)":                         {"Letsencrypt | Acme", ""},
	"list of something with datas":                      {"list[Any]", `"type": "array"`},
	"dict of registry_login(…)":                         {"Mapping[str, RegistryLogin]", `"type": "object"`},
	"list of publish(…)":                                {"list[Publish]", `"type": "array"`},
	"list of tcp(…) or udp(…)":                          {"list[Tcp | Udp] | list[Tcp] | list[Udp]", `"type": "array"`},
	"path or task":                                      {"str | Task", jsonText},
	`"user" or bridge`:                                  {"str | Bridge", jsonText},
	`"kind:name" or resource`:                           {"Any", ""},
	"qemu(…), existing(…), hetzner(…) or simulated(…)":  {"Qemu | Existing | Hetzner | Simulated", ""},
	"healthcheck(…)":                                    {"Healthcheck", ""},
	`"string" or "int" or "bool" or "list"`:             {"str | type", `"enum": ["string", "int", "bool", "list"]`},
}

// texts are the words for types that are text with a rule of its own.
var texts = []string{
	"CIDR prefix", "IP address", "URL", "absolute path", "account", "address", "argument name", "capability", "checksum", "duration",
	"file mode", "fingerprint", "image reference", "interface", "kind", "name", "owner", "package name", "parameter name", "path",
	"regular expression", "secret name", "size", "string", "user", "user name", "variable name",
	"e-mail address", "https URL", "image", "location", "repository", "schedule", "server type",
}

// plurals are those of texts that are not just an s behind them.
var plurals = map[string]string{"capability": "capabilities", "CIDR prefix": "CIDR prefixes"}

// lookUp returns the form of a type; an error names one that the table lacks.
func lookUp(words string) (kind, error) {
	if k, ok := kinds[words]; ok {
		return k, nil
	}
	if inner, ok := strings.CutSuffix(words, " or None"); ok {
		k, err := lookUp(inner)
		return kind{k.python + " | None", nullable(k.schema)}, err
	}
	if _, ok := typeOf(words); ok {
		return kind{class(words), ""}, nil
	}
	if options, ok := choices(words); ok {
		list, err := json.Marshal(options)
		return kind{"str", `"enum": ` + string(list)}, err
	}
	for _, t := range texts {
		many := plurals[t]
		if many == "" {
			many = t + "s"
		}
		switch words {
		case t:
			return kind{"str", jsonText}, nil
		case "list of " + many:
			return kind{"list[str]", jsonTexts}, nil
		}
	}
	return kind{}, fmt.Errorf("no form of the type %q is known", words)
}

// nullable lets a schema take null as well.
func nullable(schema string) string {
	if schema == "" {
		return ""
	}
	return `"anyOf": [{` + schema + `}, {"type": "null"}]`
}

// choices returns the texts of `"a" or "b"`.
func choices(words string) ([]string, bool) {
	var options []string
	for w := range strings.SplitSeq(words, " or ") {
		if len(w) < 2 || w[0] != '"' || w[len(w)-1] != '"' {
			return nil, false
		}
		options = append(options, w[1:len(w)-1])
	}
	return options, true
}

// class returns what Python calls a type of handle: compose_service is
// ComposeService.
func class(name string) string {
	var b strings.Builder
	for w := range strings.SplitSeq(name, "_") {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// rest reports whether a parameter takes all remaining arguments.
func rest(p builtins.Parameter) bool { return strings.HasPrefix(p.Name, "*") }
