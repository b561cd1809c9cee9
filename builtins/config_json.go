package builtins

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

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

// placeOf returns the line and column, in characters, of a byte of a text.
func placeOf(data []byte, offset int) (line, column int) {
	before := data[:min(max(offset, 0), len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}
