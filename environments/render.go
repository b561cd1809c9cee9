package environments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/template"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// A Lookup answers a ref, a secret or an argument. Its error ends the
// rendering and is returned as it is.
type Lookup func(leaf Value) (string, error)

// Render returns the text of v, every leaf answered by lookup. The same tree
// and answers give the same bytes: map keys are sorted by the encoders.
func (v Value) Render(lookup Lookup) (string, error) {
	switch v.Kind {
	case "", Literal:
		return v.Text, nil
	case Ref, Hidden, Argument:
		return lookup(v)
	case Concat:
		return v.join(lookup)
	case Quote:
		s, err := v.join(lookup)
		return strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), err
	case Encode, Template:
		data, err := v.Data.plain(lookup)
		if err != nil {
			return "", err
		}
		if v.Kind == Template {
			return v.execute(data)
		}
		return encode(v.Format, data)
	}
	return "", fmt.Errorf("unknown kind of value %q", v.Kind)
}

func (v Value) join(lookup Lookup) (string, error) {
	var b strings.Builder
	for _, p := range v.Parts {
		s, err := p.Render(lookup)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (v Value) execute(data any) (string, error) {
	t, err := template.New(v.Name).Option("missingkey=error").Parse(v.Text)
	if err != nil {
		return "", err // starts with "template: NAME:"
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", err
	}
	return b.String(), nil
}

func encode(format string, data any) (string, error) {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(data)
	case "toml":
		err = toml.NewEncoder(&b).Encode(data)
	case "yaml":
		e := yaml.NewEncoder(&b)
		e.SetIndent(2)
		if err = e.Encode(data); err == nil {
			err = e.Close()
		}
	default:
		err = fmt.Errorf("unknown format %q", format)
	}
	return b.String(), err
}
