package remote

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
)

// How much of what a command prints is kept.
const (
	maxOutput = 1 << 20  // of a Run
	maxLine   = 64 << 10 // a longer one is passed on in parts
	maxTail   = 12       // lines that explain an error
)

// An output passes on what a long session prints, line by line, and keeps
// what the program needs of it.
type output struct {
	nonce    string
	raw      bool
	progress func(string)

	mu      sync.Mutex
	parts   []*stream
	data    []byte            // standard output of a Run
	values  map[string]string // learnt
	reasons []string
	more    []string
	last    []string // lines
}

func newOutput(nonce string, raw bool, progress func(string)) *output {
	return &output{nonce: nonce, raw: raw, progress: progress, values: map[string]string{}}
}

// A stream is standard output or standard error.
type stream struct {
	out      *output
	standard bool
	partial  []byte
}

func (o *output) stream(standard bool) io.Writer {
	s := &stream{out: o, standard: standard}
	o.parts = append(o.parts, s)
	return s
}

// Write takes what was printed.
func (s *stream) Write(p []byte) (int, error) {
	o := s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.standard && o.raw {
		o.data = append(o.data, p[:min(len(p), maxOutput-len(o.data))]...)
	}
	s.partial = append(s.partial, p...)
	for {
		i := bytes.IndexByte(s.partial, '\n')
		if i < 0 && len(s.partial) < maxLine {
			return len(p), nil
		}
		if i < 0 {
			o.line(string(s.partial))
			s.partial = s.partial[:0]
			continue
		}
		o.line(string(s.partial[:i]))
		s.partial = s.partial[i+1:]
	}
}

// flush passes on last lines that have no newline.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.parts {
		if len(s.partial) > 0 {
			o.line(string(s.partial))
			s.partial = nil
		}
	}
}

func (o *output) line(line string) {
	line = strings.TrimSuffix(line, "\r")
	if rest, ok := strings.CutPrefix(line, o.nonce+" "); ok && !o.raw {
		kind, text, _ := strings.Cut(rest, " ")
		switch kind {
		case "reason":
			o.reasons = append(o.reasons, text)
			return
		case "more":
			o.more = append(o.more, text)
			return
		}
		key, value, _ := strings.Cut(text, " ")
		o.values[key] = value
		return
	}
	if strings.TrimSpace(line) != "" {
		o.last = append(o.last, line)
		o.last = o.last[max(0, len(o.last)-maxTail):]
	}
	o.progress(line)
}

// captured returns standard output of a Run.
func (o *output) captured() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.data)
}

// reason says why a long operation went wrong: what it gave as the reason, or
// the last that it printed, and what more there is to say.
func (o *output) reason() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	why := o.reasons
	if len(why) == 0 {
		why = o.last
		if len(o.more) > 0 {
			why = why[max(0, len(why)-1):]
		}
	}
	return strings.Join(append(slices.Clone(why), o.more...), "\n")
}
