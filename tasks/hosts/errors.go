package hosts

import (
	"errors"
	"strings"
)

// NewStepError says that step went wrong on host because of cause, with the
// hint that belongs to the cause, or that the cause has in its words: a program
// on the machine, such as a service that does not start, may end what it says
// with a line "hint: …". A cause that is a *StepError already is returned as it
// is.
func NewStepError(host, step string, cause error) *StepError {
	if e, ok := errors.AsType[*StepError](cause); ok {
		return e
	}
	next := hint(host, cause)
	if next == "" {
		next = said(cause.Error())
	}
	return &StepError{Host: host, Step: step, Cause: cause, Next: next}
}

// said returns the last hint in the words of a cause, "" when there is none.
func said(words string) string {
	last := ""
	for line := range strings.Lines(words) {
		if h, ok := strings.CutPrefix(strings.TrimSpace(line), "hint: "); ok {
			last = h
		}
	}
	return last
}

// hint says what to do about a cause; "" when the cause speaks for itself.
func hint(host string, cause error) string {
	for _, known := range []struct {
		cause error
		hint  string
	}{
		{ErrLocked, "wait until the other run has ended; its lock goes with it"},
		{ErrChanged, "somebody changed it on the machine: plan again to see how"},
		{ErrConnection, "see that HOST is up and answers on its ssh port, then repeat the command: it continues where it stopped"},
		{ErrSudo, "allow the login user of HOST to run every command without a password (NOPASSWD: ALL in /etc/sudoers.d), or log in as root"},
		{ErrNoSpace, "free space on HOST (df -h, docker system df) or give it a larger disk, then repeat the command"},
		{ErrTimeout, "look at what keeps HOST busy, then repeat the command"},
		{ErrHostKey, "if HOST was made anew, remove its line from the known hosts of the environment; otherwise do not connect: somebody may be in between"},
		{ErrOwned, "destroy the other environment first, or use another machine"},
	} {
		if errors.Is(cause, known.cause) {
			return strings.ReplaceAll(known.hint, "HOST", host)
		}
	}
	return ""
}

// Explain turns what a machine said into a cause that callers tell apart
// where it is one, keeping its words.
func Explain(message string) error {
	message = strings.TrimSpace(message)
	low := strings.ToLower(message)
	for _, known := range []struct {
		text  string
		cause failure
	}{
		{"no space left on device", ErrNoSpace},
		{"disk quota exceeded", ErrNoSpace},
		{"don't have enough free space", ErrNoSpace},
		{"no matching manifest for", ErrUnsupported},
		{"does not match the specified platform", ErrUnsupported},
	} {
		if strings.Contains(low, known.text) {
			return &explained{known.cause, message}
		}
	}
	return errors.New(message)
}

// An explained error is a known cause with the machine's own words.
type explained struct {
	cause failure
	words string
}

func (e *explained) Error() string { return e.cause.Error() + ": " + e.words }
func (e *explained) Unwrap() error { return e.cause }
