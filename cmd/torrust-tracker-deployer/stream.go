package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/tasks"
)

// A jsonScreen prints each event as one line of JSON: {"event": KIND, …} with
// the fields of the event in their order. Durations are seconds.
type jsonScreen struct {
	w     io.Writer
	notes io.Writer
}

func (v *jsonScreen) event(e tasks.Event) { v.w.Write(encodeEvent(e)) }

func (v *jsonScreen) say(text string) { fmt.Fprintln(v.notes, text) }

func (v *jsonScreen) close() {}

// encodeEvent returns the line for an event. Events are plain structs of
// strings, numbers, times and lists, so that encoding cannot fail.
func encodeEvent(e tasks.Event) []byte {
	var b bytes.Buffer
	b.WriteString(`{"event":`)
	b.Write(encode(e.Kind()))
	fields(&b, reflect.ValueOf(e))
	b.WriteString("}\n")
	return b.Bytes()
}

// fields writes the exported fields of a struct as ,"name":value; structs in
// it (a summary) are written in place.
func fields(b *bytes.Buffer, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		switch x := f.Interface().(type) {
		case time.Duration:
			member(b, name, encode(x.Seconds()))
		case tasks.Summary:
			fields(b, f)
		default:
			if options != "omitempty" || !f.IsZero() {
				member(b, name, encode(x))
			}
		}
	}
}

func member(b *bytes.Buffer, name string, value []byte) {
	b.WriteByte(',')
	b.Write(encode(name))
	b.WriteByte(':')
	b.Write(value)
}

// encode returns v as JSON on one line, without escaping for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // v is one of this package's own types
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) { w.Write(append(encode(v), '\n')) }

// writeDocument writes v indented, the result of a command.
func writeDocument(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
