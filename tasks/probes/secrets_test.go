package probes_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
)

// leaks returns a form of a canary in text, "" when there is none.
func leaks(text string) string {
	for _, form := range []string{"s3cret", "Canary", "Y3Kcanary2", "Qu3ry", "passw0rd", "s3%63ret"} {
		if strings.Contains(text, form) {
			return form
		}
	}
	return ""
}

func hidden(name string) environments.Value {
	return environments.Value{Kind: environments.Hidden, Name: name}
}

func quoted(v environments.Value) environments.Value {
	return environments.Value{Kind: environments.Quote, Parts: []environments.Value{v}}
}

func TestNoSecretIsRepeated(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		said := fmt.Sprint(r.URL.RequestURI(), " ", r.URL.Path, r.URL.Query(), user, password)
		switch {
		case strings.HasPrefix(r.URL.Path, "/announce/refuse"):
			fmt.Fprintf(w, "d14:failure reason%d:%se", len(said), said)
		case strings.HasPrefix(r.URL.Path, "/announce"):
			fmt.Fprintf(w, "d%d:%si1e1:!i1ee", len(said), said) // its keys are not sorted
		case r.URL.Path == "/json":
			fmt.Fprintf(w, `{"said":%q}`, said)
		default:
			w.WriteHeader(500)
			fmt.Fprint(w, strings.Repeat("-", 290), said) // the excerpt ends within
		}
	}))
	defer echo.Close()
	address := echo.Listener.Addr().String()
	closed := fmt.Sprintf("127.0.0.1:%d", closedPort(t))
	token, key, text := quoted(hidden("TOKEN")), hidden("KEY"), environments.Text
	for name, test := range map[string]struct {
		probe environments.Probe
		shown string // where the error begins
	}{
		"query":            {over(text("http://"+address+"/x?token="), token), "http://" + address + "/x: the status"},
		"written query":    {over(text("http://" + address + "/x?token=Qu3ryValue")), "http://" + address + "/x: the status"},
		"user":             {over(text("http://admin1:passw0rd@" + address + "/x")), "http://" + address + "/x: the status"},
		"refused":          {over(text("http://u:passw0rd@"+closed+"/?token="), token), "http://" + closed + "/: connection refused"},
		"not a URL":        {over(text("http://u:pa/"), key, text("@h/?token="), token), "http://…: this is not a URL"},
		"raw in the query": {over(text("http://"+address+"/x?token="), hidden("TOKEN")), "http://" + address + "/x: "},
		"host":             {over(text("http://"), key, text(".invalid/")), "http://…: lookup (secret KEY).invalid"},
		"path":             {over(text("http://"+address+"/"), key), "http://" + address + "/(secret KEY): the status"},
		"path, quoted":     {over(text("http://"+address+"/"), token), "http://" + address + "/(secret TOKEN): the status"},
		"json": {environments.Probe{HTTP: joined(text("http://"+address+"/json?token=Qu3ryValue&t="), token),
			Expect: environments.Expect{JSON: want("said", "nothing")}}, "http://" + address + "/json: said is "},
		"key":         {environments.Probe{HTTPTracker: joined(text("http://"+address+"/announce/"), key)}, "http://" + address + "/announce/(secret KEY): announce of the seeder: the answer is not bencoded"},
		"refused key": {environments.Probe{HTTPTracker: joined(text("http://"+address+"/announce/refuse"), key)}, "http://" + address + "/announce/refuse(secret KEY): announce of the seeder: the tracker answers"},
		"TCP":         {environments.Probe{TCP: joined(key, text(".invalid:80"))}, "(secret KEY).invalid:80: lookup (secret KEY).invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			test.probe.Timeout = seconds(1)
			got := run(t, test.probe)
			if got.err == nil || !strings.HasPrefix(got.err.Error(), test.shown) {
				t.Fatalf("error\n got %v\nwant %s…", got.err, test.shown)
			}
			for _, line := range append(got.lines, got.err.Error(), hint(got.err), fmt.Sprintf("%+v", got.err)) {
				if form := leaks(line); form != "" {
					t.Errorf("%q is in %s", form, line)
				}
			}
		})
	}
}

func joined(parts ...environments.Value) *environments.Value {
	v := environments.Join(parts...)
	return &v
}

func over(parts ...environments.Value) environments.Probe {
	return environments.Probe{HTTP: joined(parts...)}
}

func TestTheSecretReachesTheService(t *testing.T) {
	var asked string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("token") + " of " + r.Host
	}))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	run(t, over(environments.Text("http://127.0.0.1:"+port+"/?token="), quoted(hidden("TOKEN")))).passes(t, "answers with status 200 and 0 bytes")
	if want := secretValues["TOKEN"] + " of 127.0.0.1:" + port; asked != want {
		t.Errorf("the service was asked with %q, want %q", asked, want)
	}
}
