package deploy

import (
	"bytes"
	"errors"

	"go.yaml.in/yaml/v3"
)

// yamlText returns v as YAML, indented by two: with the four of yaml.Marshal a
// text that begins with a blank or a newline comes out as what nobody can read.
func yamlText(v any) (string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(v)
	return b.String(), errors.Join(err, e.Close())
}

// yamlNode returns v as what YAML is made of. Node.Encode would go by the same
// four.
func yamlNode(v any) (yaml.Node, error) {
	var doc yaml.Node
	text, err := yamlText(v)
	if err == nil {
		err = yaml.Unmarshal([]byte(text), &doc)
	}
	if err != nil {
		return yaml.Node{}, err
	}
	return *doc.Content[0], nil
}
