package builtins

import (
	"math"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/torrust/tracker-deployer/environments"
)

// data takes a tree of scalars, lists and dictionaries (or structs) with
// deferred text anywhere in it.
func data() converter {
	return converter{"any value, may be deferred", func(v starlark.Value) (any, error) {
		budget := MaxText
		d, err := toData(v, 64, &budget)
		if err != nil {
			return nil, err
		}
		return d, nil
	}}
}

// dictionary takes what data takes, but only a dictionary or a struct.
func dictionary() converter {
	c := data()
	return converter{"dict", func(v starlark.Value) (any, error) {
		_, dict := v.(*starlark.Dict)
		_, record := v.(*starlarkstruct.Struct)
		if !dict && !record {
			return nil, want(v, "dict")
		}
		return c.convert(v)
	}}
}

// toData converts v; budget bounds the text and the number of elements.
func toData(v starlark.Value, depth int, budget *int) (environments.Data, error) {
	if depth == 0 {
		return environments.Data{}, misfitf("nested deeper than 64")
	}
	if *budget--; *budget < 0 {
		return environments.Data{}, misfitf("more than %d (16 Mi) bytes and elements", MaxText)
	}
	switch v := v.(type) {
	case starlark.Bool:
		b := bool(v)
		return environments.Data{Bool: &b}, nil
	case starlark.Int:
		if _, small := v.Int64(); !small {
			return environments.Data{}, misfitf("the number does not fit in 64 bits")
		}
		return environments.Data{Number: v.String()}, nil
	case starlark.Float:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return environments.Data{}, misfitf("%s cannot be encoded", v)
		}
		return environments.Data{Number: v.String()}, nil
	case starlark.String, *Deferred:
		x, err := toValue(v, "text")
		if err != nil {
			return environments.Data{}, err
		}
		text := x.(environments.Value)
		*budget -= len(text.Text)
		return environments.Data{Text: &text}, nil
	case *starlark.List:
		return toList(v, depth, budget)
	case starlark.Tuple:
		return toList(v, depth, budget)
	case *starlark.Dict:
		return toMap(v, depth, budget)
	case *starlarkstruct.Struct:
		return fromStruct(v, depth, budget)
	case starlark.NoneType:
		return environments.Data{}, misfitf("None cannot be encoded").withHint("leave the key out")
	}
	return environments.Data{}, want(v, "string, number, bool, list or dict")
}

func toList(v starlark.Indexable, depth int, budget *int) (environments.Data, error) {
	list := make([]environments.Data, 0, min(v.Len(), *budget))
	for i := range v.Len() {
		d, err := toData(v.Index(i), depth-1, budget)
		if err != nil {
			return d, inside(err, element(i))
		}
		list = append(list, d)
	}
	return environments.Data{List: &list}, nil
}

func toMap(v *starlark.Dict, depth int, budget *int) (environments.Data, error) {
	pairs := make([]environments.Pair, 0, v.Len())
	for i, item := range v.Items() {
		key, ok := item[0].(starlark.String)
		if !ok {
			return environments.Data{}, inside(want(item[0], "a string as key"), step{text: "[key]", index: i, key: true})
		}
		d, err := toData(item[1], depth-1, budget)
		if err != nil {
			return d, inside(err, entry(i, string(key)))
		}
		*budget -= len(key)
		pairs = append(pairs, environments.Pair{Key: string(key), Value: d})
	}
	return environments.Data{Map: &pairs}, nil
}

func fromStruct(v *starlarkstruct.Struct, depth int, budget *int) (environments.Data, error) {
	pairs := make([]environments.Pair, 0, len(v.AttrNames()))
	for i, name := range v.AttrNames() {
		x, err := v.Attr(name)
		if err != nil {
			return environments.Data{}, err
		}
		d, err := toData(x, depth-1, budget)
		if err != nil {
			return d, inside(err, step{text: "." + name, index: i})
		}
		pairs = append(pairs, environments.Pair{Key: name, Value: d})
	}
	return environments.Data{Map: &pairs}, nil
}
