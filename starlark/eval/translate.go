package eval

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
)

// translate turns an error of any step into problems.
func (l *loader) translate(err error) []environments.Problem {
	if problems, ok := asError(err); ok {
		return problems
	}
	var parse syntax.Error
	if errors.As(err, &parse) {
		return []environments.Problem{l.syntaxProblem(parse)}
	}
	var list resolve.ErrorList
	if errors.As(err, &list) {
		problems := make([]environments.Problem, len(list))
		for i, e := range list {
			problems[i] = l.resolveProblem(e)
		}
		return problems
	}
	if e := innermost(err); e != nil {
		return []environments.Problem{l.evalProblem(e)}
	}
	return []environments.Problem{{Position: environments.Position{File: l.entry}, Message: err.Error(), Hint: hintOf(err)}}
}

// innermost returns the evaluation error that was raised first: as all loads
// share a thread, it has the whole stack.
func innermost(err error) *starlark.EvalError {
	var found *starlark.EvalError
	for {
		var e *starlark.EvalError
		if !errors.As(err, &e) {
			return found
		}
		found, err = e, e.Unwrap()
	}
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// frames kept at both ends of a long stack.
const outerFrames, innerFrames = 5, 20

func (l *loader) evalProblem(e *starlark.EvalError) environments.Problem {
	frames := builtins.Frames(e.CallStack)
	p := environments.Problem{Message: e.Msg, Hint: hintOf(e)}
	var f *builtins.Failure
	if errors.As(e, &f) {
		return l.failProblem(f, e.CallStack)
	}
	if m := callerRE.FindStringSubmatch(e.Msg); m != nil && len(frames) > 1 {
		return l.callProblem(m[1], m[2], frames)
	}
	if len(frames) > 0 {
		p.Position, p.Calls = frames[0], shorten(frames[1:])
	}
	var h interface{ Hint() string }
	if errors.As(e, &h) {
		p.Message = h.(error).Error()
		return p
	}
	for _, r := range rules() {
		if m := r.match.FindStringSubmatch(p.Message); m != nil {
			p.Message, p.Hint = r.rewrite(m)
			break
		}
	}
	return p
}

// failProblem shows fail() where its caller was called: a library of the
// program at the call in the user's file, at the argument that it names.
func (l *loader) failProblem(f *builtins.Failure, stack starlark.CallStack) environments.Problem {
	p := environments.Problem{Message: f.Message, Hint: f.Hint()}
	p.Position, p.Calls = builtins.Where(stack)
	if f.Argument == "" {
		return p
	}
	frames := builtins.Frames(stack)
	if p.Position == frames[0] && len(frames) > 1 { // the user's own library: its caller has the argument
		p.Position, p.Calls = frames[1], frames[2:]
	}
	if kw := l.keyword(p.Position, f.Argument); kw != nil {
		p.Position = builtins.Position(syntax.Start(kw.Y))
	}
	return p
}

func shorten(frames []environments.Position) []environments.Position {
	if len(frames) <= innerFrames+outerFrames {
		return frames
	}
	return append(frames[:innerFrames:innerFrames], frames[len(frames)-outerFrames:]...)
}

// A rule puts a message of Starlark into words that say what to do.
type rule struct {
	match   *regexp.Regexp
	rewrite func(m []string) (message, hint string)
}

func words(message, hint string) func([]string) (string, string) {
	return func(m []string) (string, string) {
		message, hint := message, hint
		for i := len(m) - 1; i > 0; i-- {
			message = strings.ReplaceAll(message, fmt.Sprintf("$%d", i), m[i])
			hint = strings.ReplaceAll(hint, fmt.Sprintf("$%d", i), m[i])
		}
		return message, hint
	}
}

// rules are tried in order; they are made when something is wrong.
func rules() []rule {
	return []rule{
		{regexp.MustCompile(`^Starlark computation cancelled: (.*)$`), words("$1", "look for a loop that does not end, or over something very large")},
		{regexp.MustCompile(`(?:^|: )cannot .* frozen list`), words("this list comes from a loaded file and is read-only", "copy it first: list(x)")},
		{regexp.MustCompile(`(?:^|: )cannot .* frozen hash table`), words("this dict comes from a loaded file and is read-only", "copy it first: dict(x)")},
		{regexp.MustCompile(`^unknown binary op: (\S+) (\S+) (\S+)$`), words("cannot compute $1 $2 $3", "")},
		{regexp.MustCompile(`^function (\S+) called recursively$`), words("function $1 calls itself", "recursion does not exist here; use a loop over a list")},
		{regexp.MustCompile(`^load: name (\S+) not found in module (\S+?)(?: \(did you mean (\S+)\?\))?$`), func(m []string) (string, string) {
			message := fmt.Sprintf("%q has no %q", m[2], m[1])
			if m[3] != "" {
				message += fmt.Sprintf(" (did you mean %q?)", m[3])
			}
			return message, ""
		}},
		{regexp.MustCompile(`^local variable (\S+) referenced before assignment$`), words("variable $1 is used before it has a value", "")},
		{regexp.MustCompile(`^global variable (\S+) referenced before assignment$`), words("variable $1 is used before it has a value", "")},
		{regexp.MustCompile(`(.*needs a value that is known now; .*)$`), words("$1", builtins.DeferredHint)},
		{regexp.MustCompile(`^unhandled index operation deferred value \((.*)\)\[`), words("an index needs a value that is known now; $1", builtins.DeferredHint)},
		{regexp.MustCompile(`^deferred value \((.*)\) value is not iterable$`), words("a loop needs a value that is known now; $1", builtins.DeferredHint)},
		{regexp.MustCompile(`^invalid slice operand deferred value \((.*)\)$`), words("a slice needs a value that is known now; $1", builtins.DeferredHint)},
		{regexp.MustCompile(`^invalid call of non-function \(deferred value \((.*)\)\)$`), words("a call needs a value that is known now; $1", builtins.DeferredHint)},
		{regexp.MustCompile(`^deferred value \((.*)\) has no (\.\w+) `), words("$2 needs a value that is known now; $1", builtins.DeferredHint)},
		{regexp.MustCompile(`^unknown unary op: (\S+) deferred value \((.*)\)$`), words("$1 needs a value that is known now; $2", builtins.DeferredHint)},
		{regexp.MustCompile(`deferred value \((.*)\) ([<>]=?) |([<>]=?) deferred value \((.*)\) not implemented`), words("$2$3 needs a value that is known now; $1$4", builtins.DeferredHint)},
		{regexp.MustCompile(`^(\w+): .*deferred value \((.*)\)`), words("$1() needs a value that is known now; $2", builtins.DeferredHint)},
		{regexp.MustCompile(`deferred value \((.*)\)`), words("this needs a value that is known now; $1", builtins.DeferredHint)},
	}
}

func (l *loader) syntaxProblem(e syntax.Error) environments.Problem {
	p := environments.Problem{Position: builtins.Position(e.Pos), Message: "syntax error: " + strings.Replace(e.Msg, "want primary expression", "want an expression", 1)}
	l.locate(&p, e.Msg)
	switch {
	case strings.HasPrefix(e.Msg, "got class,"):
		p.Hint = "there are no classes; use struct(…)"
	case strings.HasPrefix(e.Msg, "got import,"), strings.HasPrefix(e.Msg, "got from,"):
		p.Hint = `load("//lib/NAME.star", "function") brings what another file defines`
	case strings.HasPrefix(e.Msg, "got try,"), strings.HasPrefix(e.Msg, "got raise,"):
		p.Hint = "there are no exceptions; fail(…) stops"
	case strings.HasPrefix(e.Msg, "got identifier, want ','"):
		p.Hint = "a bracket or a string before this is not closed, or a comma is missing"
	case strings.Contains(e.Msg, "excessive nesting"):
		p.Message, p.Hint = "nested too deeply", "split it over several variables or functions"
	case strings.HasPrefix(e.Msg, "got string literal, want newline"):
		p.Hint = `there are no f-strings; use fmt("…{}…", value)`
	}
	return p
}

var gotRE = regexp.MustCompile(`^got ('[^']+'|identifier|string literal|int literal|float literal|\w+), want '?(primary)?`)

// locate moves p to the start of the token that the parser complains about; it
// says where it ends.
func (l *loader) locate(p *environments.Problem, message string) {
	m := gotRE.FindStringSubmatch(message)
	if m == nil || m[2] != "" {
		return
	}
	if m[1] == "newline" {
		if p.Position.Column == 1 {
			p.Position = l.lineEnd(p.Position)
		}
		return
	}
	lines := strings.SplitN(string(l.sources[p.Position.File]), "\n", p.Position.Line+1)
	if len(lines) < p.Position.Line {
		return
	}
	line := []rune(lines[p.Position.Line-1])
	i := min(p.Position.Column-1, len(line))
	switch got := m[1]; {
	case got[0] == '\'':
		i -= utf8.RuneCountInString(got) - 2
	case got == "string literal" && i > 1:
		for quote := line[i-1]; i > 1 && line[i-2] != quote; i-- {
		}
		i -= 2
	default:
		for i > 0 && (unicode.IsLetter(line[i-1]) || unicode.IsDigit(line[i-1]) || line[i-1] == '_' || line[i-1] == '.') {
			i--
		}
	}
	p.Position.Column = max(i, 0) + 1
}

// lineEnd returns the end of the line before p, where a newline came too early.
func (l *loader) lineEnd(p environments.Position) environments.Position {
	lines := strings.SplitN(string(l.sources[p.File]), "\n", p.Line)
	if p.Line < 2 || len(lines) < p.Line-1 {
		return p
	}
	before := strings.TrimRight(lines[p.Line-2], "\r")
	return environments.Position{File: p.File, Line: p.Line - 1, Column: utf8.RuneCountInString(before) + 1}
}

var undefinedRE = regexp.MustCompile(`^undefined: (\S+?)(?: \(did you mean .*\?\))?$`)

func (l *loader) resolveProblem(e resolve.Error) environments.Problem {
	p := environments.Problem{Position: builtins.Position(e.Pos), Message: e.Msg}
	if m := undefinedRE.FindStringSubmatch(e.Msg); m != nil {
		p.Message, p.Hint = l.undefined(m[1], e.Msg)
		return p
	}
	for _, r := range resolveRules() {
		if m := r.match.FindStringSubmatch(e.Msg); m != nil {
			p.Message, p.Hint = r.rewrite(m)
			break
		}
	}
	return p
}

// undefined words the error of an unknown name.
func (l *loader) undefined(name, original string) (message, hint string) {
	if builtins.Later(name) {
		return fmt.Sprintf("%s is not part of this version", name), ""
	}
	message = fmt.Sprintf("unknown name %q", name)
	if i := strings.Index(original, " (did you mean "); i >= 0 {
		near := strings.TrimSuffix(original[i+len(" (did you mean "):], "?)")
		return message + fmt.Sprintf(" (did you mean %q?)", near), ""
	}
	known := l.predeclared.Keys()
	for n := range starlark.Universe {
		known = append(known, n)
	}
	if s := builtins.Suggest(name, known); s != "" {
		message += fmt.Sprintf(" (did you mean %q?)", s)
	} else if home := homes[name]; home != "" {
		hint = fmt.Sprintf("load(%q, %q) brings it", home, name)
	}
	return message, hint
}

// resolveRules are those for what is found wrong before the file runs.
func resolveRules() []rule {
	return []rule{
		{regexp.MustCompile(`^cannot reassign (?:global|top-level) (\S+)(?: declared at (\S+))?$`), words("variable $1 has a value already", "a name at the top level is set once; use another name, or x = A if COND else B")},
		{regexp.MustCompile(`^cannot reassign local (\S+) declared at (\S+)$`), words("$1 is declared already, at $2", "")},
		{regexp.MustCompile(`^(if statement|for loop) not within a function$`), words("$1 at the top level of a loaded file", "put it into a function; only the environment file itself may have one here")},
		{regexp.MustCompile(`support while loops$|^while loop not`), words("there is no while", "use a for loop over a list or range(n)")},
		{regexp.MustCompile(`^keyword argument "?(\w+)"? is repeated$`), words(`argument "$1" is given twice`, "")},
		{regexp.MustCompile(`support sets$`), words("there are no sets", "a dict with the value True for every key does the same")},
	}
}
