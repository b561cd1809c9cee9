package main

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/torrust/tracker-deployer/tasks"
)

// hidden stands for a secret that turned up in the output of a program.
const hidden = "(secret)"

// shortest is the length of the shortest secret that is looked for: shorter
// ones would take harmless text apart.
const shortest = 6

// clean returns text with the environment's secrets taken out, as they are and
// as programs encode them. Our own text never holds any; what a machine or a
// task says may.
func (p *program) clean(text string) string {
	if text == "" || p.hide == nil {
		return text
	}
	for _, s := range p.hide() {
		for _, form := range forms(s) {
			if len(form) >= shortest {
				text = strings.ReplaceAll(text, form, hidden)
			}
		}
	}
	return text
}

// forms returns how a secret may be written, longer texts before those that
// are a part of them: as a whole, then its lines, since output is read by line.
func forms(s string) []string {
	if len(s) < shortest {
		return nil
	}
	list := []string{s, inner(encode(s)), url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:]}
	if html, err := json.Marshal(s); err == nil { // as Go's programs print JSON, docker among them
		list = append(list, inner(html))
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			list = append(list, aligned(encoding, s, before))
		}
	}
	if strings.Contains(s, "\n") {
		for line := range strings.Lines(s) {
			list = append(list, forms(strings.TrimRight(line, "\r\n"))...)
		}
	}
	return list
}

func inner(quoted []byte) string { return string(quoted[1 : len(quoted)-1]) }

// aligned returns what base64 makes of s behind so many other bytes, without
// the characters that its neighbours have a part in.
func aligned(encoding *base64.Encoding, s string, before int) string {
	text := encoding.EncodeToString(append(make([]byte, before), s...))
	return text[(before*8+5)/6 : (before+len(s))*8/6]
}

// cleanPlan takes the secrets out of what a plan quotes of machines. Lines of
// files that have secrets are masked already; a secret may be elsewhere, too.
func (p *program) cleanPlan(plan *tasks.Plan) {
	for i := range plan.Steps {
		s := &plan.Steps[i]
		s.Reason = p.clean(s.Reason)
		for j := range s.Files {
			s.Files[j].Diff = p.clean(s.Files[j].Diff)
		}
		for j := range s.Fields {
			s.Fields[j].Old, s.Fields[j].New = p.clean(s.Fields[j].Old), p.clean(s.Fields[j].New)
		}
	}
}

// masked returns an event whose text is clean.
func (p *program) masked(event tasks.Event) tasks.Event {
	switch e := event.(type) {
	case tasks.NodeProgress:
		e.Line = p.clean(e.Line)
		return e
	case tasks.HostProgress:
		e.Line = p.clean(e.Line)
		return e
	case tasks.HostStatus:
		e.Reason = p.clean(e.Reason)
		return e
	case tasks.NodeDone:
		if e.Error == "" && e.Hint == "" {
			return event // as almost all are, which need no place of their own
		}
		e.Error, e.Hint = p.clean(e.Error), p.clean(e.Hint)
		return e
	}
	return event
}
