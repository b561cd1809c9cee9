package eval

import (
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/torrust/tracker-deployer/environments"
)

// declared returns an environment as a struct for tests, with the names that
// its fields have in JSON: env.services["tracker"].image. Resources are in
// dicts by their name; what is known only later is the text that describes it;
// positions are left out.
func declared(e *environments.Environment) starlark.Value {
	v := plain(reflect.ValueOf(*e))
	v.Freeze()
	return v
}

// plain returns a value of the model in Starlark.
func plain(v reflect.Value) starlark.Value {
	switch x := v.Interface().(type) {
	case environments.Value:
		return starlark.String(x.String())
	case environments.Data:
		return starlark.String(environments.Value{Kind: environments.Encode, Format: "json", Data: &x}.String())
	}
	switch v.Kind() {
	case reflect.String:
		return starlark.String(v.String())
	case reflect.Bool:
		return starlark.Bool(v.Bool())
	case reflect.Int, reflect.Int64:
		return starlark.MakeInt64(v.Int())
	case reflect.Pointer:
		if v.IsNil() {
			return starlark.None
		}
		return plain(v.Elem())
	case reflect.Slice:
		return plainList(v)
	case reflect.Map:
		return plainMap(v)
	case reflect.Struct:
		fields := starlark.StringDict{}
		plainFields(v, fields)
		return starlarkstruct.FromStringDict(starlarkstruct.Default, fields)
	}
	return starlark.None
}

// plainList returns a list, or for resources a dict by name.
func plainList(v reflect.Value) starlark.Value {
	byName := starlark.NewDict(v.Len())
	list := make([]starlark.Value, v.Len())
	named := v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem().NumField() > 0 && v.Type().Elem().Field(0).Type == reflect.TypeFor[environments.Declared]()
	for i := range list {
		list[i] = plain(v.Index(i))
		if named {
			_ = byName.SetKey(starlark.String(v.Index(i).FieldByName("Name").String()), list[i]) // a string is a key
		}
	}
	if named {
		return byName
	}
	return starlark.NewList(list)
}

func plainMap(v reflect.Value) starlark.Value {
	d := starlark.NewDict(v.Len())
	for _, k := range sortedKeys(v) {
		_ = d.SetKey(starlark.String(k), plain(v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key())))) // a string is a key
	}
	return d
}

// plainFields adds the fields of a struct under their names in JSON, those of
// an embedded one beside them.
func plainFields(v reflect.Value, fields starlark.StringDict) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported(), name == "position", name == "calls", name == "-":
		case f.Anonymous:
			plainFields(v.Field(i), fields)
		case name != "":
			fields[name] = plain(v.Field(i))
		}
	}
}

func sortedKeys(v reflect.Value) []string {
	var keys []string
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}
