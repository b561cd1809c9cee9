package check

import (
	"bytes"
	"io"
	"regexp"
)

// A steadying replaces what differs from run to run.
type steadying struct {
	match *regexp.Regexp
	with  string
}

// steadyings are how the program prints durations and times, for people and
// as JSON.
func steadyings() []steadying {
	return []steadying{
		{regexp.MustCompile(`\b(\d+\.\d+s|\d+m\d\ds|\d+h\d\dm)\b`), "0.0s"},
		{regexp.MustCompile(`("took": ?)[\d.eE+-]+`), "${1}0"},
		{regexp.MustCompile(`("at": ?)"[^"]*"`), `${1}""`},
	}
}

// steady returns a text of the program as it is in every run: durations are
// 0.0s, times are empty, the work directory is $WORK.
func steady(text []byte, work string) []byte {
	text = bytes.ReplaceAll(text, []byte(work), []byte("$WORK"))
	for _, s := range steadyings() {
		text = s.match.ReplaceAll(text, []byte(s.with))
	}
	return text
}

// copySteady writes what was collected to w.
func copySteady(w io.Writer, text *bytes.Buffer, work string) error {
	_, err := w.Write(steady(text.Bytes(), work))
	return err
}
