package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// A failure is a wrong answer that one can do something about.
type failure struct {
	text  string
	hint  string
	cause error // nil when the text says it all
}

// Error says what came.
func (f *failure) Error() string { return f.text }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// Hint says what to do about it.
func (f *failure) Hint() string { return f.hint }

// hinted is an error that knows what to do about it.
type hinted interface {
	error
	Hint() string
}

// refusal is what a tracker says when it will not answer, with the hint for
// the words that are known.
func refusal(prefix, words string) error {
	low := strings.ToLower(words)
	for _, known := range []struct{ part, hint string }{
		{"x-forwarded-for", "the tracker is in reverse-proxy mode: ask it through its proxy, or declare it without proxied = True"},
		{"authentication", "the tracker is private: it answers announces over HTTP only, with a key at the end of the path: /announce/KEY"},
		{"whitelisted", "the tracker is listed: it refuses an info-hash that is not on its whitelist, as a random one is"},
		{"connection id", "the tracker does not recognise the connection id it gave out: see that one process answers, from one address, with a right clock"},
	} {
		if strings.Contains(low, known.part) {
			return &failure{text: prefix + words, hint: known.hint}
		}
	}
	return errors.New(prefix + words)
}

// absence says in one word why err means that nothing is there yet, "" when
// it means something else.
func absence(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	case errors.Is(err, io.EOF):
		// What forwards (docker-proxy, a user-mode network) accepts for a
		// service that is not there, and hangs up.
		return "connection closed at once"
	}
	return ""
}

// pollInterval is between two connections to what is not there yet.
const pollInterval = 250 * time.Millisecond

// patiently repeats ask while nothing is there, until ctx ends.
func (a *attempt) patiently(ctx context.Context, ask func(context.Context) error) error {
	last := ""
	for {
		err := ask(ctx)
		missing := absence(err)
		if missing == "" {
			if last != "" && errors.Is(err, context.DeadlineExceeded) { // in the middle of another try
				return a.absent(last)
			}
			return err
		}
		if missing != last {
			a.report("%s, waiting", missing)
		}
		last = missing
		select {
		case <-ctx.Done():
			return a.absent(last)
		case <-time.After(pollInterval):
		}
	}
}

func (a *attempt) absent(missing string) error {
	return &failure{
		text: fmt.Sprintf("%s, for all of %s", missing, a.timeout),
		hint: "see that the service runs, that it listens on this port, and that the firewall lets it in",
	}
}

// plain returns what went wrong on a connection without what we know better:
// the URL (it may hold a token), the operation, and Go's word for a timeout.
func (a *attempt) plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	switch {
	case timedOut(err):
		return &failure{
			text:  fmt.Sprintf("no answer within %s", a.timeout),
			hint:  "see that the service runs and that the firewall lets it in",
			cause: context.DeadlineExceeded,
		}
	case absence(err) != "":
		return &failure{text: absence(err), cause: err}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return op.Err
	}
	return err
}

// timedOut reports whether err is about time: that of a context, or of the
// kernel, which may be the earlier one by a moment.
func timedOut(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()
}

// noRoute reports whether this computer has no way to an address: that says
// nothing about the service.
func noRoute(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}
