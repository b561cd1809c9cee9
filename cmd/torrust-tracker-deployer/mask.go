package main

import (
	"encoding/base64"
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
		if len(s) < shortest {
			continue
		}
		for _, form := range forms(s) {
			text = strings.ReplaceAll(text, form, hidden)
		}
	}
	return text
}

// forms returns how a secret may be written.
func forms(s string) []string {
	quoted := string(encode(s))
	return []string{
		s, quoted[1 : len(quoted)-1],
		url.QueryEscape(s), url.PathEscape(s),
		base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
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
		e.Error, e.Hint = p.clean(e.Error), p.clean(e.Hint)
		return e
	}
	return event
}
