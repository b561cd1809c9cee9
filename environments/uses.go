package environments

import (
	"reflect"
	"slices"
	"strings"
)

// Uses returns the nodes whose declarations hold a secret, in the order of the
// lists. It looks through everything that is declared, so that a new kind of
// resource cannot be forgotten here: the node of an element of a list of
// Environment that is [Declared] is the name of its type in lower case, and a
// Host is a vm.
func (e *Environment) Uses(secret string) []string {
	var nodes []string
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		list := v.Field(i)
		if list.Kind() != reflect.Slice || list.Type().Elem().Kind() != reflect.Struct {
			continue
		}
		if f, ok := list.Type().Elem().FieldByName("Declared"); !ok || !f.Anonymous || list.Type().Elem() == reflect.TypeFor[Secret]() {
			continue
		}
		kind := strings.ToLower(list.Type().Elem().Name())
		if kind == "host" {
			kind = "vm"
		}
		for j := range list.Len() {
			element := list.Index(j)
			node := kind + ":" + element.FieldByName("Declared").Interface().(Declared).Name
			if holds(element, secret) && !slices.Contains(nodes, node) {
				nodes = append(nodes, node)
			}
		}
	}
	return nodes
}

// holds reports whether a part of the model holds a secret.
func holds(v reflect.Value, secret string) bool {
	if v.Type() == reflect.TypeFor[Value]() {
		for leaf := range v.Interface().(Value).Leaves() {
			if leaf.Kind == Hidden && leaf.Name == secret {
				return true
			}
		}
		return false
	}
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && holds(v.Elem(), secret)
	case reflect.Slice:
		for i := range v.Len() {
			if holds(v.Index(i), secret) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && holds(v.Field(i), secret) {
				return true
			}
		}
	}
	return false
}
