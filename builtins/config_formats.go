package builtins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"go.starlark.net/starlark"
	"go.yaml.in/yaml/v3"
)

// deepest nesting of a configuration file, and how many values its aliases
// may make of it.
const (
	deepest    = 64
	mostValues = 1_000_000
)

// placeOf returns the line and column, in characters, of a byte of a text.
func placeOf(data []byte, offset int) (line, column int) {
	before := data[:min(max(offset, 0), len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

func decodeJSON(data []byte) (starlark.Value, *fault) {
	d := &jsonReader{data: data, Decoder: json.NewDecoder(bytes.NewReader(data))}
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		at := len(data)
		var wrong *json.SyntaxError
		if errors.As(err, &wrong) && int(wrong.Offset) < len(data)+1 {
			at = int(wrong.Offset) - 1
		}
		line, column := placeOf(data, at)
		return nil, faultAt(line, column, "not JSON: %v", err)
	}
	d.UseNumber()
	return d.value(deepest)
}

// A jsonReader reads JSON that is known to be well-formed, in its own order.
type jsonReader struct {
	*json.Decoder
	data []byte
}

func (d *jsonReader) fault(format string, args ...any) *fault {
	line, column := placeOf(d.data, int(d.InputOffset())-1)
	return faultAt(line, column, format, args...)
}

func (d *jsonReader) value(depth int) (starlark.Value, *fault) {
	token, err := d.Token()
	if err != nil {
		return nil, d.fault("not JSON: %v", err)
	}
	if depth == 0 {
		return nil, d.fault("nested deeper than %d", deepest)
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return d.object(depth)
		}
		return d.array(depth)
	case json.Number:
		v, err := number(t.String())
		if err != nil {
			return nil, d.fault("%v", err)
		}
		return v, nil
	case string:
		return starlark.String(t), nil
	case bool:
		return starlark.Bool(t), nil
	}
	return starlark.None, nil
}

func (d *jsonReader) object(depth int) (starlark.Value, *fault) {
	dict := starlark.NewDict(0)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, d.fault("not JSON: %v", err)
		}
		name := starlark.String(key.(string))
		if _, again, _ := dict.Get(name); again {
			return nil, d.fault("key %s is given twice", quote(string(name)))
		}
		v, wrong := d.value(depth - 1)
		if wrong != nil {
			return nil, wrong
		}
		_ = dict.SetKey(name, v) // a string, and nothing iterates
	}
	_, _ = d.Token() // the }
	return dict, nil
}

func (d *jsonReader) array(depth int) (starlark.Value, *fault) {
	var list []starlark.Value
	for d.More() {
		v, wrong := d.value(depth - 1)
		if wrong != nil {
			return nil, wrong
		}
		list = append(list, v)
	}
	_, _ = d.Token() // the ]
	return starlark.NewList(list), nil
}

func number(s string) (starlark.Value, error) {
	if !strings.ContainsAny(s, ".eE") {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, errors.New("the number does not fit in 64 bits")
		}
		return starlark.MakeInt64(n), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, errors.New("the number is too large")
	}
	return starlark.Float(f), nil
}

func decodeTOML(data []byte) (starlark.Value, *fault) {
	var table map[string]any
	if err := toml.Unmarshal(data, &table); err != nil {
		var wrong *toml.DecodeError
		if errors.As(err, &wrong) {
			line, column := wrong.Position()
			return nil, faultAt(line, column, "not TOML: %s", strings.TrimPrefix(wrong.Error(), "toml: "))
		}
		return nil, faultAt(0, 0, "not TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	v, err := fromTOML(table, deepest)
	if err != nil {
		return nil, faultAt(0, 0, "%v", err)
	}
	return v, nil
}

func fromTOML(x any, depth int) (starlark.Value, error) {
	if depth == 0 {
		return nil, fmt.Errorf("nested deeper than %d", deepest)
	}
	switch x := x.(type) {
	case map[string]any:
		dict := starlark.NewDict(len(x))
		for _, key := range slices.Sorted(maps.Keys(x)) {
			v, err := fromTOML(x[key], depth-1)
			if err != nil {
				return nil, err
			}
			_ = dict.SetKey(starlark.String(key), v) // a string, and nothing iterates
		}
		return dict, nil
	case []any:
		list := make([]starlark.Value, len(x))
		for i, e := range x {
			v, err := fromTOML(e, depth-1)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return starlark.NewList(list), nil
	case string:
		return starlark.String(x), nil
	case int64:
		return starlark.MakeInt64(x), nil
	case float64:
		return starlark.Float(x), nil
	case bool:
		return starlark.Bool(x), nil
	case time.Time:
		return starlark.String(x.Format(time.RFC3339Nano)), nil
	}
	return starlark.String(fmt.Sprint(x)), nil // local dates and times
}

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
