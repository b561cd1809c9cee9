package environments

import (
	"encoding/json"
	"strconv"
)

// Data is a tree of scalars, lists and maps whose text leaves are Values: what
// an encoder or a template is given. Exactly one field is set; none is null.
type Data struct {
	Bool   *bool   `json:"bool,omitempty"`
	Number string  `json:"number,omitempty"` // a decimal integer or float
	Text   *Value  `json:"text,omitempty"`
	List   *[]Data `json:"list,omitempty"`
	Map    *[]Pair `json:"map,omitempty"` // in the order of the file
}

// A Pair is an entry of a map.
type Pair struct {
	Key   string `json:"key"`
	Value Data   `json:"value"`
}

func (d Data) leaves(yield func(Value) bool) bool {
	if d.Text != nil {
		return d.Text.leaves(yield)
	}
	if d.List != nil {
		for _, e := range *d.List {
			if !e.leaves(yield) {
				return false
			}
		}
	}
	if d.Map != nil {
		for _, p := range *d.Map {
			if !p.Value.leaves(yield) {
				return false
			}
		}
	}
	return true
}

// plain returns d as bool, json.Number, int64, float64, string, []any or
// map[string]any, its Values rendered by lookup.
func (d Data) plain(lookup Lookup) (any, error) {
	switch {
	case d.Bool != nil:
		return *d.Bool, nil
	case d.Number != "":
		return number(d.Number)
	case d.Text != nil:
		return d.Text.Render(lookup)
	case d.List != nil:
		list := make([]any, 0, len(*d.List))
		for _, e := range *d.List {
			v, err := e.plain(lookup)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case d.Map != nil:
		m := make(map[string]any, len(*d.Map))
		for _, p := range *d.Map {
			v, err := p.Value.plain(lookup)
			if err != nil {
				return nil, err
			}
			m[p.Key] = v
		}
		return m, nil
	}
	return nil, nil
}

func number(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	f, err := json.Number(s).Float64()
	if err != nil {
		return nil, err
	}
	return f, nil
}
