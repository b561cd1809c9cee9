package main

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/torrust/tracker-deployer/builtins"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/cache"
	"github.com/torrust/tracker-deployer/tasks/memo"
)

// A recollection is how a command line is compared with an earlier one that
// had nothing to do. Only local tasks are remembered: what is on a machine, and
// what a secret is, has to be looked at.
type recollection struct {
	store memo.Store
	key   string // "" = neither remembered nor asked for
	root  string
	began time.Time
	self  string // the program

	found memo.Found   // about the command line, though it does not hold; without paths where there is none
	ahead *tasks.Ahead // of the journal, nil = nothing is read ahead
	sight *cache.Sight // of the files that the memo is about, as ahead
}

// memos is where memos are, beside the directories of environments, of which
// none has a name that begins with a dot.
const memos = ".memo"

// recollect returns the recollection of running w. Whoever wants to be told
// more than the last line gets it the long way.
func (p *program) recollect(w words, o *runOptions) recollection {
	r := recollection{began: time.Now()}
	if p.json || p.verbose > 0 || p.logFile != "" || o.force || o.test == "always" || len(o.prune) > 0 {
		return r
	}
	at, err := p.find(w.env)
	if err != nil {
		return r
	}
	if r.self, err = os.Executable(); err != nil {
		return r
	}
	parts := []string{r.self, at.root, at.file, p.getenv("PATH"), strconv.FormatBool(o.only), strconv.Itoa(len(w.names))}
	parts = append(parts, w.names...)
	for _, name := range slices.Sorted(maps.Keys(w.settings)) {
		parts = append(parts, name, w.settings[name])
	}
	for i, part := range parts { // no two command lines have the same key
		parts[i] = strconv.Itoa(len(part)) + ":" + part
	}
	r.store, r.root, r.key = memo.Store{Dir: p.stateDirectory(memos)}, at.root, strings.Join(parts, "")
	return r
}

// nothing reports whether there is nothing to do as far as is remembered, and
// leaves the last line to be printed then.
func (p *program) nothing(r *recollection) bool {
	if r.key == "" {
		return false
	}
	var ok bool
	if r.found, ok = r.store.Find(r.key); !ok || !r.found.Holds(r.root) {
		return false
	}
	t := newTally()
	t.start, t.remembered = r.began, r.found.Nodes
	p.last = t.line()
	return true
}

// look begins to look at what planning will ask for if it is what it was when
// the memo was kept, beside the evaluation, which leaves a processor idle.
func (r *recollection) look() {
	if r.ahead == nil && len(r.found.Appended) == 1 {
		r.ahead = tasks.ReadAhead(r.found.Appended[0])
		r.sight = cache.See(r.root, r.found.Most(), r.found.Paths)
	}
}

// remember keeps that the plan, which was carried out, had nothing to do. A
// memo that cannot be written is none.
func (d *deployment) remember(plan *tasks.Plan) {
	r := d.past
	if r.key == "" || len(plan.Hosts) > 0 || len(plan.Steps) == 0 || d.program.printed ||
		len(d.env.Secrets) > 0 || len(d.env.Warnings) > 0 {
		return
	}
	if slices.ContainsFunc(plan.Steps, func(s tasks.Step) bool { return s.Act != tasks.ActNone || s.Host != "" }) {
		return
	}
	files, err := d.looked()
	young := func(f cache.File) bool { return f.Identity.Exists() && !f.Identity.Settled(r.began) }
	if err != nil || slices.ContainsFunc(files, young) { // as is the file that was just edited
		return
	}
	_ = r.store.Keep(memo.Memo{
		Key: r.key, Root: r.root, Began: r.began, Nodes: len(plan.Steps),
		Files: append(files, plan.Evidence()...), Appended: []string{d.journalPath()},
	})
}

// looked returns what the environment rests on: the program itself, the files
// that were read, and what globs have visited.
func (d *deployment) looked() ([]cache.File, error) {
	paths := []string{d.past.self, d.beside(".age"), d.beside(".known_hosts")}
	for _, r := range d.env.Reads {
		if r.Path != "" && !strings.HasPrefix(r.Path, builtins.LibraryPrefix) {
			paths = append(paths, r.Path)
		}
		paths = append(paths, r.Visited...)
	}
	var files []cache.File
	for _, path := range paths {
		for _, follow := range []bool{false, true} {
			id, err := d.engine.Files.Ask(path, follow)
			if err != nil {
				return nil, err
			}
			files = append(files, cache.File{Path: path, Follow: follow, Identity: id})
		}
	}
	return files, nil
}
