package eval

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/starlark/lib"
)

// A loader is one evaluation: its thread, its files and what it has loaded.
type loader struct {
	options     Options
	entry       string // slash path relative to the root
	files       *files
	thread      *starlark.Thread
	evaluation  *builtins.Evaluation
	predeclared starlark.StringDict
	modules     map[string]starlark.StringDict
	open        []string // modules being loaded, the entry file first
	sources     map[string][]byte
	calls       map[string][]*syntax.CallExpr
	trees       map[string]*syntax.File
}

func newLoader(o Options) (*loader, error) {
	entry := path.Clean(filepath.ToSlash(o.File))
	wrong := func(message, hint string) error {
		return &Error{[]environments.Problem{{Position: environments.Position{File: entry}, Message: message, Hint: hint}}}
	}
	if path.IsAbs(entry) || entry == ".." || strings.HasPrefix(entry, "../") {
		return nil, wrong("the file is outside the project", "an environment file lies under its project's root")
	}
	if !strings.HasSuffix(entry, ".star") {
		return nil, wrong("an environment file is called NAME.star", "")
	}
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, fmt.Errorf("project %q: %w", o.Root, plainError(err))
	}
	l := &loader{
		options: o, entry: entry, files: &files{root: root, told: o.Read},
		modules: map[string]starlark.StringDict{}, sources: map[string][]byte{},
		calls: map[string][]*syntax.CallExpr{}, trees: map[string]*syntax.File{}, predeclared: builtins.Predeclared(),
	}
	l.thread = &starlark.Thread{Name: entry, Load: l.load}
	l.thread.SetMaxExecutionSteps(MaxSteps)
	l.thread.OnMaxSteps = func(*starlark.Thread) {
		l.cancel(fmt.Sprintf("the evaluation took more than %d steps", MaxSteps))
	}
	l.evaluation = &builtins.Evaluation{
		Environment: &environments.Environment{Name: nameOf(entry), File: entry},
		Files:       l.files, Call: l.call, Print: o.Print, Cancel: l.cancel,
		Loading: func() bool { return len(l.open) > 1 },
	}
	l.evaluation.Attach(l.thread)
	return l, nil
}

// cancel ends the evaluation at its next step. The first reason counts.
func (l *loader) cancel(reason string) { l.thread.Cancel(reason) }

// call returns the call expression at a position.
func (l *loader) call(p syntax.Position) *syntax.CallExpr {
	for _, c := range l.calls[p.Filename()] {
		if c.Lparen.Line == p.Line && c.Lparen.Col == p.Col {
			return c
		}
	}
	return nil
}

// run evaluates the entry file, and goes on with its globals. It never
// panics.
func (l *loader) run(then func(starlark.StringDict) outcome) (o outcome) {
	defer l.files.root.Close()
	defer func() {
		if r := recover(); r != nil {
			o = outcome{err: l.failure(l.panicked(r))}
		}
	}()
	if err := l.settings(); err != nil {
		return outcome{err: l.failure(err)}
	}
	var globals starlark.StringDict
	data, err := l.source(l.entry)
	if err == nil {
		l.open = []string{l.entry}
		globals, err = l.execute(l.entry, data, true)
	}
	if err != nil {
		return outcome{err: l.failure(err)}
	}
	return then(globals)
}

// panicked says where the evaluator itself failed.
func (l *loader) panicked(r any) error {
	p := environments.Problem{Position: environments.Position{File: l.entry}, Message: fmt.Sprintf("the evaluator failed: %v", r),
		Hint: "this is a defect of the program; please report it with this file"}
	return &Error{[]environments.Problem{p}}
}

// source returns the bytes of a module by its file name.
func (l *loader) source(file string) ([]byte, error) {
	var data []byte
	var err error
	if name, ok := strings.CutPrefix(file, builtins.LibraryPrefix); ok {
		data, err = lib.Read(name)
	} else if file == l.entry && l.options.Source != nil {
		data = l.options.Source
	} else {
		data, err = l.files.read(file, MaxFile)
	}
	if err != nil {
		l.files.note(file, nil)
		p := environments.Problem{Position: environments.Position{File: file}, Message: err.Error()}
		if near := l.nearby(file); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, &Error{[]environments.Problem{p}}
	}
	l.sources[file] = data
	l.files.note(file, data)
	return data, nil
}

// nearby returns the file of the same directory that was probably meant.
func (l *loader) nearby(file string) string {
	if strings.HasPrefix(file, builtins.LibraryPrefix) {
		return ""
	}
	dir, err := l.files.root.Open(path.Dir(file))
	if err != nil {
		return ""
	}
	defer dir.Close()
	all, err := dir.Readdirnames(10_000)
	if err != nil {
		return ""
	}
	slices.Sort(all)
	var names []string
	for _, n := range all {
		if strings.HasSuffix(n, ".star") && n != path.Base(file) {
			names = append(names, n)
		}
	}
	if near := builtins.Suggest(path.Base(file), names); near != "" {
		return path.Join(path.Dir(file), near)
	}
	return ""
}

// execute checks, parses, rewrites, resolves and runs one module.
func (l *loader) execute(file string, src []byte, top bool) (starlark.StringDict, error) {
	p, err := parse(file, src, &syntax.FileOptions{TopLevelControl: top})
	if err != nil {
		return nil, err
	}
	l.calls[file], l.trees[file] = p.calls, p.tree
	if file == l.entry {
		l.evaluation.Expect(occurrences(p.calls, "task"))
		if l.options.Parsed != nil {
			l.options.Parsed()
		}
	}
	program, err := starlark.FileProgram(p.tree, l.predeclared.Has)
	if err != nil {
		return nil, err
	}
	globals, err := program.Init(l.thread, l.predeclared)
	globals.Freeze()
	return globals, err
}

// occurrences returns how many of calls are to the function called name.
func occurrences(calls []*syntax.CallExpr, name string) int {
	n := 0
	for _, c := range calls {
		if id, ok := c.Fn.(*syntax.Ident); ok && id.Name == name {
			n++
		}
	}
	return n
}

// load is what load() calls, for a module that the running file names.
func (l *loader) load(thread *starlark.Thread, module string) (starlark.StringDict, error) {
	file, err := moduleFile(l.open[len(l.open)-1], module)
	if err != nil {
		return nil, err
	}
	if globals, ok := l.modules[file]; ok {
		return globals, nil
	}
	for i, f := range l.open {
		if f == file {
			return nil, &hinted{"load cycle: " + strings.Join(append(l.open[i:len(l.open):len(l.open)], file), " -> "), "move what both need into a third file"}
		}
	}
	data, err := l.source(file)
	if err != nil {
		problems, _ := asError(err)
		return nil, &hinted{fmt.Sprintf("cannot load %q: %s", module, problems[0].Message), cmp.Or(libraries(module), problems[0].Hint)}
	}
	l.open = append(l.open, file)
	globals, err := l.execute(file, data, false)
	l.open = l.open[:len(l.open)-1]
	if err != nil {
		return nil, l.loaded(err, thread.CallStack())
	}
	l.modules[file] = globals
	return globals, nil
}

// moduleFile returns the file that a load in importer means.
func moduleFile(importer, module string) (string, error) {
	const forms = `"@torrust//NAME.star" is the standard library, "//DIR/NAME.star" starts at the project's root, "./NAME.star" at the loading file`
	var file string
	switch name, standard := strings.CutPrefix(module, builtins.LibraryPrefix); {
	case standard:
		if path.Clean(name) != name || strings.Contains(name, "/") {
			return "", &hinted{fmt.Sprintf("cannot load %q: no such library", module), forms}
		}
		return module, nil
	case strings.HasPrefix(module, "//"):
		file = path.Clean(module[2:])
	case strings.HasPrefix(module, "./") || strings.HasPrefix(module, "../"):
		if strings.HasPrefix(importer, builtins.LibraryPrefix) {
			return moduleFile(importer, builtins.LibraryPrefix+path.Clean(module))
		}
		file = path.Join(path.Dir(importer), module)
	default:
		return "", &hinted{fmt.Sprintf("cannot load %q: not a module name", module), forms}
	}
	if file == ".." || strings.HasPrefix(file, "../") || path.IsAbs(file) {
		return "", &hinted{fmt.Sprintf("cannot load %q: is outside the project", module), forms}
	}
	return file, nil
}

// libraries is the hint for a module of the standard library that is missing.
func libraries(module string) string {
	name, ok := strings.CutPrefix(module, builtins.LibraryPrefix)
	if !ok {
		return ""
	}
	hint := "the standard library has " + strings.Join(lib.Names(), ", ")
	if s := builtins.Suggest(name, lib.Names()); s != "" {
		hint = fmt.Sprintf("did you mean %q?", builtins.LibraryPrefix+s)
	}
	return hint
}

// A hinted error says what to do about it.
type hinted struct{ message, hint string }

func (h *hinted) Error() string { return h.message }

// Hint returns what to do.
func (h *hinted) Hint() string { return h.hint }

// loaded turns what is wrong with the text of a loaded module into problems
// that say where it was loaded.
func (l *loader) loaded(err error, stack starlark.CallStack) error {
	var e *starlark.EvalError
	if errors.As(err, &e) {
		return err // has the whole stack already
	}
	problems := l.translate(err)
	for i := range problems {
		problems[i].Calls = append(problems[i].Calls, builtins.Frames(stack)...)
	}
	return &Error{problems}
}
