package probes_test

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/hosts"
	"github.com/torrust/tracker-deployer/tasks/probes"
)

// A transcript is what a run of a probe said.
type transcript struct {
	err   error
	lines []string
}

func run(t *testing.T, p environments.Probe) transcript {
	t.Helper()
	return runOn(t.Context(), p, nil)
}

func runOn(ctx context.Context, p environments.Probe, machine hosts.Machine) transcript {
	var got transcript
	got.err = probes.New(p).Run(ctx, tasks.Surroundings{
		Machine:  machine,
		Progress: func(line string) { got.lines = append(got.lines, line) },
		Scope: &tasks.Scope{
			Secret:  func(name string) (string, error) { return secretValues[name], nil },
			Outputs: func(node, attribute string) (string, bool) { return "", false },
		},
	})
	return got
}

// secretValues are canaries.
var secretValues = map[string]string{"TOKEN": "s3cret/Canary 1", "KEY": "Y3Kcanary2"}

func value(s string) *environments.Value { v := environments.Text(s); return &v }

func seconds(n float64) int64 { return int64(n * float64(time.Second)) }

func hint(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	return ""
}

// fails checks an error's exact text, in which PORT stands for any number
// that is not told, and that its hint contains a text ("" = no hint).
func (got transcript) fails(t *testing.T, text, advice string) {
	t.Helper()
	if got.err == nil {
		t.Fatalf("no error, want %s", text)
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(text), "PORT", `\d+`) + "$"
	if !regexp.MustCompile(pattern).MatchString(got.err.Error()) {
		t.Errorf("error\n got %s\nwant %s", got.err, text)
	}
	if h := hint(got.err); (h == "") != (advice == "") || !strings.Contains(h, advice) {
		t.Errorf("hint %q, want one with %q", h, advice)
	}
}

// passes checks that there is no error and what the lines match, in order.
func (got transcript) passes(t *testing.T, patterns ...string) {
	t.Helper()
	if got.err != nil {
		t.Fatalf("%v (hint: %s)\n%s", got.err, hint(got.err), strings.Join(got.lines, "\n"))
	}
	if len(got.lines) != len(patterns) {
		t.Fatalf("lines %q, want %q", got.lines, patterns)
	}
	for i, pattern := range patterns {
		if !regexp.MustCompile("^" + pattern + "$").MatchString(got.lines[i]) {
			t.Errorf("line %q does not match %q", got.lines[i], pattern)
		}
	}
}

// closedPort returns a port of 127.0.0.1 on which nothing listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestAProbeThatCannotBeAsked(t *testing.T) {
	unknown := environments.Value{Kind: environments.Ref, Node: "vm:web", Attribute: "ipv4"}
	for name, test := range map[string]struct {
		probe      environments.Probe
		text, hint string
	}{
		"nothing":         {environments.Probe{}, "the probe asks nothing: it has neither udp_tracker nor http_tracker, http or tcp", ""},
		"unknown address": {environments.Probe{TCP: &unknown}, "vm:web ipv4 is known after vm:web", ""},
		"scheme":          {environments.Probe{UDPTracker: value("http://127.0.0.1:6969")}, "http://127.0.0.1:6969: this is no address to ask", "udp://HOST:PORT"},
		"no port":         {environments.Probe{UDPTracker: value("udp://127.0.0.1")}, `udp://127.0.0.1: "" is not a port`, ""},
		"no host":         {environments.Probe{HTTP: value("http:///x")}, "http:///x: this is no address to ask", "http://HOST:PORT"},
		"not a URL":       {environments.Probe{HTTP: value("http://me:pa/ss@h/?token=abcdefgh")}, "http://…: this is not a URL", "urlquote"},
		"bare port":       {environments.Probe{TCP: value("80")}, "80: this is no address to ask", "HOST:PORT"},
		"port zero":       {environments.Probe{TCP: value("h:0")}, `h:0: "0" is not a port`, ""},
		"big port":        {environments.Probe{HTTPTracker: value("http://h:65536/announce")}, `http://h:65536/announce: "65536" is not a port`, ""},
		"no announce":     {environments.Probe{HTTPTracker: value("http://h/x")}, "http://h/x: the path of an announce URL has an element that begins with announce", "/announce"},
		"inside UDP":      {environments.Probe{UDPTracker: value("udp://h:1"), Inside: true}, "udp://h:1: a UDP tracker cannot be asked from inside the machine: ssh carries no UDP", "leave inside out"},
		"inside nothing":  {environments.Probe{Host: "web", TCP: value("h:1"), Inside: true}, `h:1: nothing can connect from inside the machine "web"`, ""},
	} {
		t.Run(name, func(t *testing.T) { run(t, test.probe).fails(t, test.text, test.hint) })
	}
}

func TestANameWithoutAddressIsNeitherSilentNorAnswering(t *testing.T) {
	for _, silent := range []bool{false, true} {
		for _, p := range []environments.Probe{
			{UDPTracker: value("udp://nobody.invalid:1")}, {HTTPTracker: value("http://nobody.invalid/announce")},
			{TCP: value("nobody.invalid:1")}, {HTTP: value("http://nobody.invalid/")},
		} {
			p.Expect.Silent, p.Timeout = silent, seconds(5)
			got := run(t, p)
			if got.err == nil || !strings.Contains(got.err.Error(), ": lookup nobody.invalid") {
				t.Errorf("silent %t: %v", silent, got.err)
			}
		}
	}
}

func TestAnInterruptedProbeSaysSo(t *testing.T) {
	u := newUDPTracker(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	u.alter = func(action uint32, n int, answer []byte) []byte {
		if action == 1 && n == 1 { // asked, and not answered
			cancel()
			return nil
		}
		return answer
	}
	u.serve(t)
	got := runOn(ctx, environments.Probe{UDPTracker: value(u.url())}, nil)
	if !errors.Is(got.err, context.Canceled) {
		t.Error(got.err)
	}
	if _, stops := u.state(); stops != 1 {
		t.Errorf("%d peers were taken back, want the one that was announced", stops)
	}
}
