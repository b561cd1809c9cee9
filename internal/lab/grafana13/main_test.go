package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// a site is the directories and variables of an installation.
type site struct {
	t       *testing.T
	dir     string
	environ []string
}

func newSite(t *testing.T, environ ...string) *site {
	t.Helper()
	if os.Getenv("SOURCE") == "" {
		t.Setenv("SOURCE", "http://prometheus:9090")
	}
	s := &site{t: t, dir: t.TempDir()}
	for _, d := range []string{"data", "provisioning/datasources", "provisioning/dashboards/own"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.environ = append([]string{
		"GF_PATHS_DATA=" + s.dir + "/data", "GF_PATHS_PROVISIONING=" + s.dir + "/provisioning",
		"GF_SERVER_HTTP_ADDR=127.0.0.1", "GF_SERVER_HTTP_PORT=0",
	}, environ...)
	s.write("provisioning/datasources/p.yaml", "apiVersion: 1\ndatasources: [{name: Prometheus, type: prometheus, uid: prometheus, access: proxy, url: \"$SOURCE\", isDefault: true}]\n")
	s.write("provisioning/dashboards/p.yaml", "apiVersion: 1\nproviders: [{name: own, type: file, folder: Torrust, updateIntervalSeconds: 1, options: {path: "+s.dir+"/provisioning/dashboards/own}}]\n")
	s.write("provisioning/dashboards/own/a.json", `{"uid": "a", "title": "Tracker one", "tags": ["torrust"], "panels": []}`)
	return s
}

func (s *site) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// a said is what a program prints, read while it runs.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

var listens = regexp.MustCompile(`HTTP Server Listen address=(\S+)`)

// start runs the server until the returned function is called, and returns its
// URL and what it prints.
func (s *site) start() (address string, log *said, stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log = &said{}
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- run(ctx, []string{"server", "--homepath=/x"}, s.environ, streams{nil, log, log})
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				s.t.Errorf("the server ended with %v", err)
			}
		})
	}
	s.t.Cleanup(stop)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := listens.FindStringSubmatch(log.String()); m != nil {
			return "http://" + m[1], log, stop
		}
		select {
		case err := <-ended:
			s.t.Fatalf("the server ended: %v", err)
		default:
		}
	}
	s.t.Fatal("the server does not listen")
	return "", nil, nil
}

// request sends a request, as a user unless login is "", and returns status and
// body.
func request(t *testing.T, method, url, login, password, body string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if login != "" {
		r.SetBasicAuth(login, password)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data), response.Header
}

func wants(t *testing.T, what string, status int, body string, wantStatus int, wantBody string) {
	t.Helper()
	if status != wantStatus || !strings.Contains(body, wantBody) {
		t.Errorf("%s: %d %s, want %d with %q", what, status, body, wantStatus, wantBody)
	}
}

// The password is that of the first start, whatever a later one says, until
// the command line tool sets another; the file holds none of them.
func TestPasswordOfTheFirstStart(t *testing.T) {
	s := newSite(t)
	s.write("password", " first-password \n")
	s.environ = append(s.environ, "GF_SECURITY_ADMIN_PASSWORD=$__file{"+s.dir+"/password}", "GF_SECURITY_ADMIN_USER=root")
	url, log, stop := s.start()
	status, body, _ := request(t, "GET", url+"/api/org", "root", "first-password", "")
	wants(t, "first password", status, body, 200, "Main Org.")
	if !strings.Contains(log.String(), "Created default admin user=root") || strings.Contains(log.String(), "first-password") {
		t.Errorf("log: %s", log)
	}
	stop()

	s.write("password", "second-password\n")
	url, log, _ = s.start()
	status, body, _ = request(t, "GET", url+"/api/org", "root", "second-password", "")
	wants(t, "another variable", status, body, 401, "Invalid username or password")
	status, body, _ = request(t, "GET", url+"/api/org", "root", "first-password", "")
	wants(t, "first password after a restart", status, body, 200, "Main Org.")
	if strings.Contains(log.String(), "Created default admin") {
		t.Errorf("the admin is made twice: %s", log)
	}

	var out bytes.Buffer
	err := run(context.Background(), []string{"cli", "admin", "reset-admin-password", "--password-from-stdin"}, s.environ,
		streams{strings.NewReader("third-password\n"), &out, &out})
	if err != nil || !strings.Contains(out.String(), "Admin password changed successfully") || strings.Contains(out.String(), "third") {
		t.Errorf("reset: %v, %s", err, out.String())
	}
	status, body, _ = request(t, "GET", url+"/api/user", "root", "third-password", "")
	wants(t, "after the reset", status, body, 200, `"login":"root"`)
	status, body, _ = request(t, "GET", url+"/api/user", "root", "first-password", "")
	wants(t, "the old one after the reset", status, body, 401, "Invalid username or password")
	data, err := os.ReadFile(filepath.Join(s.dir, "data/grafana-standin.json"))
	if err != nil || bytes.Contains(data, []byte("password")) {
		t.Errorf("the database: %v, %s", err, data)
	}
}

func TestResetRefuses(t *testing.T) {
	s := newSite(t)
	for args, want := range map[string]string{
		"cli admin reset-admin-password 1234":                               "too short",
		"cli admin reset-admin-password --user-id 7 long-enough":            "user (id: 7)",
		"cli admin reset-admin-password --password-from-stdin":              "can't read password",
		"cli admin data-migration":                                          "this stand-in has admin reset-admin-password",
		"cli admin reset-admin-password --passwords-from-stdin long-enough": "not defined",
	} {
		var out bytes.Buffer
		err := run(context.Background(), strings.Fields(args), s.environ, streams{strings.NewReader(""), &out, &out})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

// Without a password nothing but health is answered, and five wrong ones shut
// a user out.
func TestAuthentication(t *testing.T) {
	url, _, _ := newSite(t).start()
	for _, path := range []string{"/api/org", "/api/datasources", "/api/search", "/api/dashboards/uid/a", "/api/ds/query", "/api/nothing"} {
		status, body, _ := request(t, "GET", url+path, "", "", "")
		wants(t, path, status, body, 401, "Unauthorized")
	}
	status, body, _ := request(t, "GET", url+"/api/health", "", "", "")
	wants(t, "health", status, body, 200, `"database":"ok","version":"13.2.0"`)
	status, body, _ = request(t, "POST", url+"/api/user/signup", "", "", "{}")
	wants(t, "sign-up", status, body, 401, "signup is disabled")

	status, body, header := request(t, "POST", url+"/login", "", "", `{"user": "admin", "password": "admin"}`)
	wants(t, "login", status, body, 200, "Logged in")
	r, _ := http.NewRequest("GET", url+"/api/org", nil)
	r.Header.Set("Cookie", strings.Split(header.Get("Set-Cookie"), ";")[0])
	response, err := http.DefaultClient.Do(r)
	if err != nil || response.StatusCode != 200 {
		t.Errorf("with a session: %v %v", response, err)
	}
	for range 5 {
		status, body, _ = request(t, "GET", url+"/api/org", "admin", "wrong", "")
		wants(t, "wrong password", status, body, 401, "Invalid")
	}
	status, body, _ = request(t, "GET", url+"/api/org", "admin", "admin", "")
	wants(t, "right password after five wrong ones", status, body, 401, "Invalid")
}

func TestHardening(t *testing.T) {
	s := newSite(t, "GF_SERVER_DOMAIN=g.example.com", "GF_SERVER_ROOT_URL=https://g.example.com/", "GF_SERVER_ENFORCE_DOMAIN=true",
		"GF_SECURITY_COOKIE_SECURE=true", "GF_SECURITY_COOKIE_SAMESITE=strict", "GF_AUTH_ANONYMOUS_HIDE_VERSION=true")
	url, _, _ := s.start()
	status, body, header := request(t, "GET", url+"/api/org", "admin", "admin", "")
	wants(t, "another host", status, body, 301, "")
	if got := header.Get("Location"); got != "https://g.example.com/api/org" {
		t.Errorf("sent to %q", got)
	}
	status, body, _ = request(t, "GET", url+"/api/health", "", "", "")
	wants(t, "health", status, body, 200, `{"database":"ok"}`)
	r, _ := http.NewRequest("POST", url+"/login", strings.NewReader(`{"user": "admin", "password": "admin"}`))
	r.Host = "g.example.com"
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Set-Cookie"); !strings.Contains(got, "HttpOnly; Secure; SameSite=Strict") {
		t.Errorf("cookie %q", got)
	}
}

// What is provisioned is listed; dashboards that change are noticed, those
// that are none are told.
func TestProvisioning(t *testing.T) {
	s := newSite(t)
	s.write("provisioning/dashboards/own/broken.json", "{")
	url, log, _ := s.start()
	if !strings.Contains(log.String(), "broken.json: unexpected end of JSON input") {
		t.Errorf("log: %s", log)
	}
	for path, want := range map[string]string{
		"/api/datasources":                   `"url":"http://prometheus:9090"`,
		"/api/datasources/uid/prometheus":    `"readOnly":true`,
		"/api/datasources/name/Prometheus":   `"uid":"prometheus"`,
		"/api/search?type=dash-db&query=ONE": `"uid":"a"`,
		"/api/search?tag=torrust":            `"folderTitle":"Torrust"`,
		"/api/search?tag=other":              `[]`,
		"/api/dashboards/uid/a":              `"provisioned":true`,
	} {
		status, body, _ := request(t, "GET", url+path, "admin", "admin", "")
		wants(t, path, status, body, 200, want)
	}
	for _, path := range []string{"/api/datasources/uid/x", "/api/dashboards/uid/x", "/api/x"} {
		status, body, _ := request(t, "GET", url+path, "admin", "admin", "")
		wants(t, path, status, body, 404, "ot found")
	}
	s.write("provisioning/dashboards/own/b.json", `{"uid": "b", "title": "New"}`)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if status, _, _ := request(t, "GET", url+"/api/dashboards/uid/b", "admin", "admin", ""); status == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a new dashboard is not noticed")
		}
	}
}

// What is malformed ends the program.
func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct{ environ, file, content, want string }{
		"unknown setting":     {environ: "GF_SECURITY_ADMIN_PASWORD=x", want: "GF_SECURITY_ADMIN_PASWORD is no setting"},
		"malformed truth":     {environ: "GF_SECURITY_COOKIE_SECURE=yes", want: `got "yes", want true or false`},
		"malformed URL":       {environ: "GF_SERVER_ROOT_URL=g.example.com", want: "is not the URL of a site"},
		"missing file":        {environ: "GF_SECURITY_ADMIN_PASSWORD=$__file{/nowhere}", want: "no such file"},
		"short password":      {environ: "GF_SECURITY_ADMIN_PASSWORD=1234", want: "too short"},
		"datasource key":      {file: "datasources/x.yaml", content: "apiVersion: 1\ndatasources: [{nam: x}]\n", want: "field nam not found"},
		"datasource twice":    {file: "datasources/x.yaml", content: "apiVersion: 1\ndatasources: [{name: Prometheus, type: prometheus, uid: y, access: proxy, url: z}]\n", want: "there twice"},
		"datasource defaults": {file: "datasources/x.yaml", content: "apiVersion: 1\ndatasources: [{name: X, type: prometheus, uid: x, access: proxy, url: z, isDefault: true}]\n", want: "Only one datasource"},
		"datasource YAML":     {file: "datasources/x.yaml", content: "a: [", want: "datasource provisioning error"},
		"provider key":        {file: "dashboards/x.yaml", content: "apiVersion: 1\nproviders: [{name: x, option: {path: y}}]\n", want: "field option not found"},
		"provider path":       {file: "dashboards/x.yaml", content: "apiVersion: 1\nproviders: [{name: x}]\n", want: "options.path"},
	} {
		s := newSite(t, c.environ)
		if c.file != "" {
			s.write("provisioning/"+c.file, c.content)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := run(ctx, []string{"server"}, s.environ, streams{nil, io.Discard, io.Discard})
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Queries and the proxy reach the datasource without the admin's password.
func TestQueries(t *testing.T) {
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the datasource is given the admin's password")
		}
		switch expr := r.FormValue("query"); {
		case r.URL.Path == "/api/v1/query" && expr == "up":
			io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"x"},"value":[1700000000.5,"100"]}]}}`)
		case r.URL.Path == "/api/v1/query" && expr == "1":
			io.WriteString(w, `{"status":"success","data":{"resultType":"scalar","result":[1700000000,"NaN"]}}`)
		case r.URL.Path == "/api/v1/query_range" && r.FormValue("step") == "15" && r.FormValue("start") == "1700000000.000":
			io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1700000000,"1"],[1700000015,"2"]]}]}}`)
		default:
			w.WriteHeader(400)
			io.WriteString(w, `{"status":"error","error":"parse error: `+expr+`"}`)
		}
	}))
	defer prometheus.Close()
	t.Setenv("SOURCE", prometheus.URL)
	url, _, _ := newSite(t).start()
	query := func(target string) string {
		return `{"from": "1700000000000", "to": "1700000060000", "queries": [` + target + `]}`
	}
	for _, c := range []struct {
		target string
		status int
		want   string
	}{
		{`{"refId": "A", "datasource": {"uid": "prometheus"}, "expr": "up", "instant": true}`, 200, `"values":[[1700000000500],[100]]`},
		{`{"refId": "A", "datasource": {"uid": "prometheus"}, "expr": "1", "instant": true}`, 200, `"values":[[1700000000000],[null]]`},
		{`{"refId": "B", "datasource": {"uid": "prometheus"}, "expr": "up", "range": true, "intervalMs": 15000}`, 200, `"values":[[1700000000000,1700000015000],[1,2]]`},
		{`{"refId": "A", "datasource": {"uid": "prometheus"}, "expr": "up{", "instant": true}`, 400, `parse error: up{`},
		{`{"refId": "A", "datasource": {"uid": "other"}, "expr": "up", "instant": true}`, 400, `data source not found`},
	} {
		status, body, _ := request(t, "POST", url+"/api/ds/query", "admin", "admin", query(c.target))
		wants(t, c.target, status, body, c.status, c.want)
		var said any
		if err := json.Unmarshal([]byte(body), &said); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	status, body, _ := request(t, "POST", url+"/api/ds/query", "admin", "admin", "{}")
	wants(t, "no query", status, body, 400, "no queries found")
	status, body, _ = request(t, "GET", url+"/api/datasources/proxy/uid/prometheus/api/v1/query?query=up", "admin", "admin", "")
	wants(t, "proxy", status, body, 200, `"100"`)
}
