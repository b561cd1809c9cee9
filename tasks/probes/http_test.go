package probes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// health is an answer of torrust-tracker's health check.
const health = `{"status":"Ok","n":18446744073709551615,"ok":true,"no":null,"a<b":[1,{"x":"y"}],"details":[{"binding":"0.0.0.0:6969","result":{"Ok":"Connected"}}]}`

// newService answers paths with bodies; a body may begin with a status.
func newService(t *testing.T, pages map[string]string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(body, "/"):
			http.Redirect(w, r, body, http.StatusFound)
		case strings.HasPrefix(body, "500 "):
			w.WriteHeader(500)
			fmt.Fprint(w, body[4:])
		default:
			fmt.Fprint(w, body)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func want(pairs ...string) []environments.NamedValue {
	var list []environments.NamedValue
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, environments.NamedValue{Name: pairs[i], Value: environments.Text(pairs[i+1])})
	}
	return list
}

func TestHTTP(t *testing.T) {
	s := newService(t, map[string]string{
		"/health": health, "/text": "all is well", "/redirect": "/text", "/big": strings.Repeat("x", 1<<20+1), "/largest": strings.Repeat("x", 1<<20),
		"/two": "{}{}", "/api": `500 Unhandled rejection: Err { reason: "unauthorized" }`, "/down": "500 down", "/list": "[1,2]",
		"/long": strings.Repeat("x", 400),
	})
	type expect = environments.Expect
	secret := environments.NamedValue{Name: "status", Value: environments.Value{Kind: environments.Hidden, Name: "TOKEN"}}
	for name, test := range map[string]struct {
		path       string
		expect     expect
		text, hint string // "" = passes
	}{
		"nothing to expect": {"/text", expect{}, "", ""},
		"status":            {"/text", expect{Status: 200}, "", ""},
		"body":              {"/text", expect{Body: "is"}, "", ""},
		"body of any":       {"/api", expect{Body: "unauthorized"}, "", ""},
		"wrong is right":    {"/api", expect{Status: 500, Body: "unauthorized"}, "", ""},
		"redirect":          {"/redirect", expect{Status: 302}, "", ""},
		"largest":           {"/largest", expect{Status: 200}, "", ""},
		"fields": {"/health", expect{JSON: want("status", "Ok", "details.0.result.Ok", "Connected", "n", "18446744073709551615",
			"ok", "true", "no", "null", "a<b", `[1,{"x":"y"}]`, "a<b.1.x", "y")}, "", ""},
		"not found":       {"/nothing", expect{}, `the status is 404 instead of one below 400: "404 page not found\n"`, ""},
		"wrong status":    {"/text", expect{Status: 204}, `the status is 200 instead of 204: "all is well"`, ""},
		"not followed":    {"/redirect", expect{Status: 200}, `the status is 302 instead of 200: "<a href=\"/text\">Found</a>.\n\n"`, ""},
		"token":           {"/api", expect{Status: 200}, `the status is 500 instead of 200: "Unhandled rejection: Err { reason: \"unauthorized\" }"`, "token"},
		"down":            {"/down", expect{Status: 200}, `the status is 500 instead of 200: "down"`, ""},
		"wrong body":      {"/text", expect{Body: "good"}, `the body does not contain "good": "all is well"`, ""},
		"cut":             {"/long", expect{Body: "good"}, `the body does not contain "good": "` + strings.Repeat("x", 300) + `"…`, ""},
		"too big":         {"/big", expect{Status: 200}, "the body is longer than 1048576 bytes", ""},
		"not JSON":        {"/text", expect{JSON: want("a", "b")}, `the body is not JSON (invalid character 'a' looking for beginning of value): "all is well"`, ""},
		"two documents":   {"/two", expect{JSON: want("a", "b")}, `the body is not JSON (something follows the document): "{}{}"`, ""},
		"wrong field":     {"/health", expect{JSON: want("status", "Error")}, `status is "Ok" instead of "Error"`, ""},
		"all wrong":       {"/health", expect{JSON: want("status", "Error", "ok", "false")}, "status is \"Ok\" instead of \"Error\"\nok is \"true\" instead of \"false\"", ""},
		"no key":          {"/health", expect{JSON: want("details.0.nothing", "x")}, `details.0.nothing is not there: details.0 has no key "nothing"`, ""},
		"no element":      {"/health", expect{JSON: want("details.1", "x")}, `details.1 is not there: details has 1 elements, not one at "1"`, ""},
		"no index":        {"/list", expect{JSON: want("-1", "x")}, `-1 is not there: the document has 2 elements, not one at "-1"`, ""},
		"no container":    {"/health", expect{JSON: want("status.x", "x")}, `status.x is not there: status is neither an object nor an array`, ""},
		"secret expected": {"/health", expect{JSON: []environments.NamedValue{secret}}, "status is not (secret TOKEN)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, environments.Probe{HTTP: value(s.URL + test.path), Expect: test.expect, Timeout: seconds(5)})
			if test.text != "" {
				got.fails(t, s.URL+test.path+": "+test.text, test.hint)
				return
			}
			got.passes(t, `answers with status \d+ and \d+ bytes`)
		})
	}
}

func TestWhatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts by its backlog and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	target := "http://" + l.Addr().String()
	run(t, environments.Probe{HTTP: value(target), Timeout: seconds(0.3)}).fails(t, target+": no answer within 300ms", "firewall")
	run(t, environments.Probe{HTTPTracker: value(target + "/announce"), Timeout: seconds(0.3)}).fails(t,
		target+"/announce: announce of the seeder: no answer within 300ms", "firewall")
}

func TestWhatIsNotThereYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"HTTP", "HTTP tracker", "TCP"} {
		t.Run(kind, func(t *testing.T) {
			address := fmt.Sprintf("127.0.0.1:%d", closedPort(t))
			p := environments.Probe{Timeout: seconds(0.6)}
			switch shown := ""; kind {
			case "HTTP":
				shown, p.HTTP = "http://"+address+"/", value("http://"+address+"/")
				got := run(t, p)
				got.fails(t, shown+": connection refused, for all of 600ms", "see that the service runs")
			case "HTTP tracker":
				p.HTTPTracker = value("http://" + address + "/announce")
				run(t, p).fails(t, p.HTTPTracker.Text+": announce of the seeder: connection refused, for all of 600ms", "see that the service runs")
			case "TCP":
				p.TCP = value(address)
				run(t, p).fails(t, address+": connection refused, for all of 600ms", "see that the service runs")
			}
			p.Timeout = seconds(20)
			started := make(chan net.Listener, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(400*time.Millisecond, func() {
				l, err := net.Listen("tcp", address)
				if err != nil {
					cancel()
					return
				}
				h := &httpTracker{alter: func(_ string, _ int, body string) string { return body }, swarm: swarm{}, answered: map[string]int{}}
				go http.Serve(l, h)
				started <- l
			})
			got := runOn(ctx, p, nil)
			if got.err != nil {
				t.Fatal(got.err)
			}
			(<-started).Close()
			if got.lines[0] != "connection refused, waiting" || len(got.lines) < 2 {
				t.Errorf("%q", got.lines)
			}
		})
	}
}

func TestTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	run(t, environments.Probe{TCP: value(l.Addr().String())}).passes(t, "accepts connections")

	forwarder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer forwarder.Close()
	go func() {
		for {
			conn, err := forwarder.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	address := forwarder.Addr().String()
	run(t, environments.Probe{TCP: value(address), Timeout: seconds(0.5)}).fails(t, address+": connection closed at once, for all of 500ms", "see that the service runs")
}

func TestSilentTCP(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	address := s.Listener.Addr().String()
	silent := environments.Expect{Silent: true}
	accepted := ": it must be silent, and the connection was accepted"
	run(t, environments.Probe{TCP: value(address), Expect: silent}).fails(t, address+accepted, "firewall")
	run(t, environments.Probe{HTTP: value(s.URL), Expect: silent}).fails(t, s.URL+accepted, "firewall")
	run(t, environments.Probe{HTTPTracker: value(s.URL + "/announce"), Expect: silent}).fails(t, s.URL+"/announce"+accepted, "firewall")
	closed := fmt.Sprintf("127.0.0.1:%d", closedPort(t))
	run(t, environments.Probe{TCP: value(closed), Expect: silent}).passes(t, "closed: connection refused")

	full := fullListener(t)
	begin := time.Now()
	run(t, environments.Probe{TCP: value(full), Expect: silent}).passes(t, "silent: no answer in 3s")
	if took := time.Since(begin); took < 3*time.Second {
		t.Errorf("listened for %s only", took)
	}
}

// A machine dials on behalf of a probe.
type machine struct {
	hosts.Machine
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (m machine) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return m.dial(ctx, network, address)
}

func TestInsideTheMachine(t *testing.T) {
	t.Parallel()
	s, h := newService(t, map[string]string{"/health": health}), newHTTPTracker(t, "127.0.0.1:0")
	there := map[string]string{"127.0.0.1:1212": s.Listener.Addr().String(), "tracker.internal:7070": h.Listener.Addr().String()}
	m := machine{dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if there[address] == "" {
			return nil, errors.New("ssh: rejected: connect failed (Connection refused)")
		}
		return (&net.Dialer{}).DialContext(ctx, network, there[address])
	}}
	ask := func(p environments.Probe) transcript {
		p.Inside, p.Host, p.Timeout = true, "web", seconds(0.8)
		return runOn(t.Context(), p, m)
	}
	ask(environments.Probe{HTTP: value("http://127.0.0.1:1212/health"), Expect: environments.Expect{JSON: want("status", "Ok")}}).passes(t, "answers .*")
	ask(environments.Probe{TCP: value("127.0.0.1:1212")}).passes(t, "accepts connections")
	ask(environments.Probe{HTTPTracker: value("http://tracker.internal:7070/announce")}).passes(t, "the leecher .*", "scrape .*")
	refused := ": connection refused, for all of 800ms"
	ask(environments.Probe{TCP: value("127.0.0.1:1213")}).fails(t, "127.0.0.1:1213"+refused, "see that")
	ask(environments.Probe{HTTP: value("http://127.0.0.1:1213/")}).fails(t, "http://127.0.0.1:1213/"+refused, "see that")
	silent := environments.Expect{Silent: true}
	ask(environments.Probe{TCP: value("127.0.0.1:1213"), Expect: silent}).passes(t, "closed: connection refused")
	ask(environments.Probe{TCP: value("127.0.0.1:1212"), Expect: silent}).fails(t, "127.0.0.1:1212: it must be silent, and the connection was accepted", "firewall")
	m.dial = func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrClosedPipe }
	ask(environments.Probe{TCP: value("127.0.0.1:1212"), Expect: silent}).fails(t, "127.0.0.1:1212: this does not show that it is silent: io: read/write on closed pipe", "")
}

// fullListener returns an address whose backlog is full, so that the kernel
// drops what asks for another connection: a port behind a firewall.
func fullListener(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("a backlog of none takes 8 connections")
	return ""
}
