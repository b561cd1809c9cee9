package builtins

import (
	"bytes"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.yaml.in/yaml/v3"
)

func decodeYAML(data []byte) (starlark.Value, *fault) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := d.Decode(&document); err == io.EOF {
		return starlark.NewDict(0), nil
	} else if err != nil {
		return nil, yamlFault(err)
	}
	var second yaml.Node
	if err := d.Decode(&second); err == nil {
		return nil, faultAt(second.Line, second.Column, "more than one document")
	} else if err != io.EOF {
		return nil, yamlFault(err)
	}
	y := yamlReader{left: mostValues}
	return y.value(&document, deepest)
}

var (
	yamlLine = regexp.MustCompile(`^line (\d+): `)
	// behind matches what the parser says of the line before the one it means.
	behind = regexp.MustCompile(`^did not find expected (?:<document start>|node content|'-' indicator|key|',' or)`)
)

func yamlFault(err error) *fault {
	message, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		line, _ = strconv.Atoi(m[1]) // digits
		if behind.MatchString(message) {
			line++
		}
	}
	return faultAt(line, 1, "not YAML: %s", message)
}

// A yamlReader turns nodes into values; left bounds what aliases may make.
type yamlReader struct{ left int }

func (y *yamlReader) value(n *yaml.Node, depth int) (starlark.Value, *fault) {
	if y.left--; y.left < 0 {
		return nil, faultAt(n.Line, n.Column, "more than %d values", mostValues)
	}
	if depth == 0 {
		return nil, faultAt(n.Line, n.Column, "nested deeper than %d", deepest)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return y.value(n.Content[0], depth)
	case yaml.AliasNode:
		return y.value(n.Alias, depth-1)
	case yaml.MappingNode:
		return y.mapping(n, depth)
	case yaml.SequenceNode:
		list := make([]starlark.Value, len(n.Content))
		for i, e := range n.Content {
			v, wrong := y.value(e, depth-1)
			if wrong != nil {
				return nil, wrong
			}
			list[i] = v
		}
		return starlark.NewList(list), nil
	}
	return yamlScalar(n)
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (starlark.Value, *fault) {
	dict := starlark.NewDict(len(n.Content) / 2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.ShortTag() == "!!merge" {
			return nil, faultAt(key.Line, key.Column, "merge keys (<<) are not read; write the keys out")
		}
		if key.Kind != yaml.ScalarNode {
			return nil, faultAt(key.Line, key.Column, "a key has to be text")
		}
		name := starlark.String(key.Value)
		if _, again, _ := dict.Get(name); again {
			return nil, faultAt(key.Line, key.Column, "key %s is given twice", quote(key.Value))
		}
		v, wrong := y.value(n.Content[i+1], depth-1)
		if wrong != nil {
			return nil, wrong
		}
		_ = dict.SetKey(name, v) // a string, and nothing iterates
	}
	return dict, nil
}

func yamlScalar(n *yaml.Node) (starlark.Value, *fault) {
	var err error
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return starlark.String(n.Value), nil
	case "!!null":
		return starlark.None, nil
	case "!!bool":
		var b bool
		if err = n.Decode(&b); err == nil {
			return starlark.Bool(b), nil
		}
	case "!!int":
		var i int64
		if err = n.Decode(&i); err == nil {
			return starlark.MakeInt64(i), nil
		}
	case "!!float":
		var f float64
		if err = n.Decode(&f); err == nil {
			return starlark.Float(f), nil
		}
	default:
		return nil, faultAt(n.Line, n.Column, "tag %s is not known", quote(n.Tag))
	}
	return nil, faultAt(n.Line, n.Column, "%s is not of type %s", quote(n.Value), strings.TrimPrefix(n.ShortTag(), "!!"))
}
