package builtins

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"go.starlark.net/starlark"
)

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
