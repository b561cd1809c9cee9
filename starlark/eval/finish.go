package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/torrust/tracker-deployer/environments"
)

// failure returns err together with everything that was recorded before it.
func (l *loader) failure(err error) error {
	return l.report(append(slices.Clone(l.evaluation.Problems()), l.translate(err)...))
}

// report sorts problems, drops repetitions and adds the source lines.
func (l *loader) report(problems []environments.Problem) error {
	for i := range problems {
		l.addSource(&problems[i])
	}
	slices.SortStableFunc(problems, func(a, b environments.Problem) int { return a.Position.Compare(b.Position) })
	problems = slices.CompactFunc(problems, func(a, b environments.Problem) bool {
		return a.Position == b.Position && a.Message == b.Message && slices.Equal(a.Calls, b.Calls)
	})
	return &Error{problems}
}

// longest source line that a problem carries whole, in characters.
const longestLine = 160

// addSource fills in the line that a problem points at; of a very long one
// the part around the column.
func (l *loader) addSource(p *environments.Problem) {
	if p.Position.Line < 1 || p.Source != "" {
		return
	}
	src, ok := l.sources[p.Position.File]
	if !ok { // no module, but a file that one of them reads
		src, _ = l.files.read(p.Position.File, maxRead) // without it there is no line to show
	}
	for range p.Position.Line - 1 {
		i := bytes.IndexByte(src, '\n')
		if i < 0 {
			return
		}
		src = src[i+1:]
	}
	if i := bytes.IndexByte(src, '\n'); i >= 0 {
		src = src[:i]
	}
	line := strings.Map(visible, strings.ToValidUTF8(strings.TrimRight(string(src), "\r"), "\uFFFD"))
	if utf8.RuneCountInString(line) > longestLine {
		runes := []rune(line)
		start := max(0, min(p.Position.Column-1-longestLine/2, len(runes)-longestLine))
		line, p.Offset = string(runes[start:start+longestLine]), start
	}
	p.Source = line
}

// visible keeps what a terminal shows as itself.
func visible(r rune) rune {
	if r != '\t' && !unicode.IsPrint(r) {
		return utf8.RuneError
	}
	return r
}

// finish checks the whole after everything was declared.
func (l *loader) finish() outcome {
	e := l.evaluation.Environment
	problems := slices.Clone(l.evaluation.Problems())
	problems = append(problems, l.unknownParams()...)
	problems = append(problems, l.whole()...)
	if len(problems) == 0 && e.Empty() {
		problems = append(problems, environments.Problem{Position: environments.Position{File: l.entry, Line: 1, Column: 1},
			Message: "the file declares nothing", Hint: "torrust-tracker-deployer create NAME writes a file to start from"})
	}
	if e.ID == "" && len(problems) == 0 {
		if p := l.deriveID(e); p != nil {
			problems = append(problems, *p)
		}
	}
	if len(problems) > 0 {
		return outcome{err: l.report(problems)}
	}
	for i := range e.Warnings {
		l.addSource(&e.Warnings[i])
	}
	e.Reads = l.files.reads
	return outcome{environment: e}
}

// deriveID gives an environment with local machines only an id of its own.
func (l *loader) deriveID(e *environments.Environment) *environments.Problem {
	for _, h := range e.Hosts {
		if !h.Provider.Local() {
			return &environments.Problem{Position: h.Position, Calls: h.Calls,
				Message: fmt.Sprintf("vm %q: a machine that is not local needs an environment with an id", h.Name),
				Hint:    fmt.Sprintf("add environment(id = %q), with letters of your own choice at its end", e.Name+"-k3v9q2")}
		}
	}
	root, err := filepath.Abs(l.options.Root)
	if l.options.Base != "" {
		root = l.options.Base
	} else if err == nil {
		if real, err2 := filepath.EvalSymlinks(root); err2 == nil {
			root = real
		}
	}
	sum := sha256.Sum256([]byte(root + "\x00" + path.Clean(l.entry)))
	suffix := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:6])
	e.ID = label(e.Name) + "-" + suffix
	return nil
}

// label makes a name fit into an id.
func label(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	s := strings.Trim(b.String(), "-0123456789")
	if len(s) > 30 {
		s = strings.TrimRight(s[:30], "-")
	}
	if s == "" {
		return "environment"
	}
	return s
}
