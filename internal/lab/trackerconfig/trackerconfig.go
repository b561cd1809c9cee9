// Package trackerconfig checks configuration files of the tracker against the
// JSON Schemas of its two generations.
//
// The schemas were written from the tracker's sources: the tag v3.0.0 for
// configuration schema 2.0.0, development files of mid-2026 for 3.0.0. They
// take no key that they do not know. The development generation is as strict;
// the released one ignores such keys.
package trackerconfig

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/pelletier/go-toml/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The versions of the configuration.
const (
	Released    = "2.0.0" // of tracker 3.0.0
	Development = "3.0.0" // of what the image torrust/tracker:develop holds
)

//go:embed tracker-config-2.0.0.schema.json
var released []byte

//go:embed tracker-config-3.0.0.schema.json
var development []byte

// Parse reads the text of a configuration file as the given version of the
// configuration and returns it as JSON has it: numbers are json.Number. The
// error says every key that is missing, unknown or wrong.
func Parse(version string, text []byte) (map[string]any, error) {
	schema, err := compiled(version)
	if err != nil {
		return nil, err
	}
	var table map[string]any
	if err := toml.Unmarshal(text, &table); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	plain, err := json.Marshal(table)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if err := schema.Validate(document); err != nil {
		return nil, fmt.Errorf("configuration of schema %s: %w", version, err)
	}
	return document.(map[string]any), nil
}

func compiled(version string) (*jsonschema.Schema, error) {
	text, known := map[string][]byte{Released: released, Development: development}[version]
	if !known {
		return nil, fmt.Errorf("configuration schema %q: want %s or %s", version, Released, Development)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	name := "embedded:///tracker-config-" + version + ".schema.json"
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, document); err != nil {
		return nil, err
	}
	return c.Compile(name)
}
