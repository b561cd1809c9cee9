// Package cache decides whether an action has to run again.
//
// A [Recipe] is everything that goes into an action, apart from the bytes of
// its files: words, variables, arguments, and the paths of inputs, tools and
// outputs. A [Tree] looks at the files. Before an action runs [Tree.Take] makes
// a [Record] of the recipe and of every file that goes in; after it ended well
// [Tree.Seal] adds what came out. [Tree.Check] compares a recipe and the files
// as they are with a record and says in words what differs; no difference means
// that nothing has to run.
//
// What counts is content: bytes, permissions, the text of symbolic links and
// what inputs behind them hold, and which files a directory has, at any depth.
// Times and inodes do not count. They are an [Identity], which saves reading:
// a file whose identity is the recorded one is taken to have the recorded
// bytes. That is safe only where nothing could have been written without
// changing the identity, so an identity is trusted only if its ctime and its
// mtime are more than [Settling] older than the moment at which the file was
// read. Everything else is read, also what seems to come from the future
// because a clock was set back.
//
// A record is therefore not trusted right after it was made: outputs are young
// then. The first check that is late enough reads them once and says so
// ([Verdict.Verified]); with [Record.At] moved to that moment, checks need not
// read any more.
//
// Not part of a record: the variables PATH and HOME (but how PATH resolves the
// tools is), programs that are started by a tool and not named as tools, and
// files that are read and not named as inputs.
package cache

import "time"

// Settling is how much older than the reading of a file its times have to be
// for its identity to be trusted: file systems keep times in steps of up to
// two seconds.
const Settling = 2 * time.Second

// A Recipe is everything that goes into an action apart from the bytes of its
// files. Paths are relative to the root of the tree, or absolute.
type Recipe struct {
	Facts   []Fact   // words, variables, arguments, …; names are unique
	Inputs  []string // files and directories, which are meant with all that is in them
	Outputs []string // files and directories
	Tools   []string // programs: names for PATH, or paths
}

// A Fact is a named value that goes into an action.
type Fact struct {
	Name   string // in words: "variable MODE"
	Value  string
	Secret bool // Value is a keyed digest, which people are not shown
}

// A Record is what went into a run of an action and what came out of it.
type Record struct {
	At    time.Time // files were read at this time or later
	Ran   time.Time // when the run began
	Stale string    // an input that changed during the run; "" = none

	facts   string // encoded
	roots   string // inputs, tools and outputs as named, encoded
	inputs  []File
	tools   []File
	outputs []File
}

// A Verdict is the answer of a check.
type Verdict struct {
	// Differences is why the action has to run, in words. It need not where
	// there is none.
	Differences []Difference
	// Verified is set, without differences, when files had to be read and
	// need not be the next time if the record says so: a caller that may
	// write keeps Record.
	Verified bool
	// Moved is set when Record says more than another At.
	Moved bool
	// Record is the record with the identities of now; the one that was
	// checked where nothing had to be read, nil where there is a difference.
	Record *Record
}

// Files yields every path that the verdict on a record rests on.
func (r *Record) Files(yield func(File) bool) {
	for _, list := range [][]File{r.inputs, r.tools, r.outputs} {
		for _, f := range list {
			if !yield(f) {
				return
			}
		}
	}
}
