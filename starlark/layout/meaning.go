package layout

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/eval"
)

// A meaning is what formatting must not change: the syntax tree without
// positions and spellings, and the comments in any order.
type meaning struct {
	text     string
	comments []string
	foreign  *environments.Problem // what the other parser does not know, nil without it
}

func read(file string, src []byte) (meaning, error) {
	tree, err := eval.Parse(file, src, true)
	if err != nil {
		return meaning{}, err
	}
	p := printer{}
	for _, s := range tree.Stmts {
		p.node(s)
		p.WriteByte('\n')
	}
	return meaning{p.String(), comments(src), p.foreign}, nil
}

// comments returns the comments of a file, sorted, without the blanks around
// them.
func comments(src []byte) []string {
	var list []string
	for _, c := range eval.Comments(src) {
		list = append(list, strings.TrimSpace(c.Text[1:]))
	}
	slices.Sort(list)
	return list
}

// A printer writes a syntax tree as text. Nesting is bounded by eval.Parse.
type printer struct {
	strings.Builder
	foreign *environments.Problem
}

var (
	position = reflect.TypeFor[syntax.Position]()
	node     = reflect.TypeFor[syntax.Node]()
)

// spelled are the fields of a node that say how it was written, not what it
// is, or what the resolver adds.
var spelled = map[string]bool{"Raw": true, "Binding": true, "Function": true, "Module": true}

func (p *printer) node(n syntax.Node) {
	if l, ok := n.(*syntax.Literal); ok && l.Token == syntax.BYTES && p.foreign == nil {
		at := environments.Position{Line: int(l.TokenPos.Line), Column: int(l.TokenPos.Col)}
		p.foreign = &environments.Problem{Position: at, Message: "bytes have no layout", Hint: "nothing in an environment takes bytes; write a text"}
	}
	v := reflect.ValueOf(n).Elem()
	fmt.Fprintf(p, "(%s", v.Type().Name())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type != position && f.IsExported() && !spelled[f.Name] {
			p.field(v.Field(i))
		}
	}
	p.WriteByte(')')
}

func (p *printer) field(v reflect.Value) {
	switch {
	case v.Type().Implements(node):
		if v.IsNil() {
			p.WriteString(" -")
			return
		}
		p.WriteByte(' ')
		p.node(v.Interface().(syntax.Node))
	case v.Kind() == reflect.Slice:
		p.WriteString(" [")
		for i := range v.Len() {
			p.field(v.Index(i))
		}
		p.WriteByte(']')
	default:
		fmt.Fprintf(p, " %#v", v.Interface())
	}
}
