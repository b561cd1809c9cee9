package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/torrust/tracker-deployer/builtins"
)

// Schemas returns a JSON Schema for each built-in, NAME.schema.json.
func Schemas() ([]File, error) {
	var files []File
	for _, b := range builtins.Table() {
		text, err := Schema(b)
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		if err := json.Indent(&out, text, "", "  "); err != nil {
			return nil, fmt.Errorf("schema of %s: %w", b.Name, err)
		}
		out.WriteByte('\n')
		files = append(files, File{b.Name + ".schema.json", out.Bytes()})
	}
	return files, nil
}

// Schema returns the JSON Schema (draft 2020-12) of the arguments of b, as an
// object. Text that may be deferred is text there; what other built-ins return
// is described and not restricted. x-unit and x-example are as in the table,
// the example as one would write it in an environment file.
func Schema(b builtins.Builtin) (json.RawMessage, error) {
	var properties, required []string
	open := false
	for _, q := range b.Parameters {
		if rest(q) {
			open = true
		}
		name := strings.TrimPrefix(q.Name, "*")
		text, err := property(q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name, err)
		}
		properties = append(properties, quoted(name)+": "+text)
		if q.Required {
			required = append(required, quoted(name))
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": %s, "description": %s, "type": "object",`, quoted(b.Name), quoted(b.Doc))
	fmt.Fprintf(&out, `"properties": {%s}, "required": [%s], "additionalProperties": false, "x-returns": %s, "x-example": %s`,
		strings.Join(properties, ", "), strings.Join(required, ", "), quoted(b.Returns()), quoted(b.Example))
	if open {
		out.WriteString(`, "x-rest": true`)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// property returns the schema of a parameter.
func property(q builtins.Parameter) (string, error) {
	k, err := lookUp(q.Type)
	if err != nil {
		return "", err
	}
	parts := []string{}
	if k.schema != "" {
		parts = append(parts, k.schema)
	}
	parts = append(parts, `"description": `+quoted(described(q)), `"x-type": `+quoted(q.Type))
	if !q.Required && !rest(q) {
		parts = append(parts, `"default": `+constant(q.Default))
	}
	if q.Unit != "" {
		parts = append(parts, `"x-unit": `+quoted(q.Unit))
	}
	return "{" + strings.Join(append(parts, `"x-example": `+quoted(q.Example)), ", ") + "}", nil
}

// constants are those of Starlark that JSON spells otherwise.
var constants = map[string]string{"None": "null", "True": "true", "False": "false", "()": "[]"}

// constant writes a default as JSON: numbers, texts and empty containers are
// the same there; what JSON has no value for, a call, is its text.
func constant(text string) string {
	if c, ok := constants[text]; ok {
		return c
	}
	if !json.Valid([]byte(text)) {
		return quoted(text)
	}
	return text
}

// quoted writes a text as JSON.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text can be encoded
	return strings.TrimSpace(b.String())
}
