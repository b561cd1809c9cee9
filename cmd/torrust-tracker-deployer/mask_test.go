package main

import "testing"

func TestClean(t *testing.T) {
	p := &program{hide: func() []string { return []string{`p@ss"w/rd`, "short"} }}
	for text, want := range map[string]string{
		"":                               "",
		"nothing":                        "nothing",
		`it is p@ss"w/rd, p@ss"w/rd`:     "it is (secret), (secret)",
		`{"key": "p@ss\"w/rd"}`:          `{"key": "(secret)"}`,
		"mysql://u:p%40ss%22w%2Frd@db":   "mysql://u:(secret)@db",
		"Basic cEBzcyJ3L3Jk":             "Basic (secret)",
		"Basic dTpwQHNzIncvcmQ=":         "Basic dTp(secret)Q=", // of u:p@ss"w/rd
		"Basic dXU6cEBzcyJ3L3Jk":         "Basic dXU6(secret)",
		"a short one would hide letters": "a short one would hide letters",
	} {
		if got := p.clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
	p.hide = func() []string { return []string{"-----BEGIN\nfirst line<\n-----END\n"} }
	for text, want := range map[string]string{
		"it reads first line<, then":                   "it reads (secret), then",
		`"first line\u003c"`:                           `"(secret)"`,
		"-----BEGIN\nfirst line<\n-----END\n and more": "(secret) and more",
	} {
		if got := p.clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
	if got := (&program{}).clean("as it is"); got != "as it is" {
		t.Errorf("without secrets: %q", got)
	}
}
