package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
)

// routes are what only the admin may ask.
func (s *server) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /api/org":                      s.org,
		"GET /api/user":                     s.user,
		"GET /api/datasources":              s.listDatasources,
		"GET /api/datasources/uid/{uid}":    s.oneDatasource,
		"GET /api/datasources/name/{name}":  s.oneDatasource,
		"/api/datasources/proxy/uid/{uid}/": s.proxy,
		"GET /api/search":                   s.search,
		"GET /api/dashboards/uid/{uid}":     s.oneDashboard,
		"POST /api/ds/query":                s.query,
	}
}

func (s *server) org(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"id": 1, "name": "Main Org."})
}

func (s *server) user(w http.ResponseWriter, _ *http.Request) {
	a, err := load(databaseOf(s.settings))
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]any{"message": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{"id": 1, "login": a.Login, "orgId": 1, "isGrafanaAdmin": true})
}

func (s *server) listDatasources(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, slices.Concat([]datasource{}, s.datasources))
}

func (s *server) oneDatasource(w http.ResponseWriter, r *http.Request) {
	if d, ok := s.find(r.PathValue("uid"), r.PathValue("name")); ok {
		answer(w, http.StatusOK, d)
		return
	}
	answer(w, http.StatusNotFound, map[string]any{"message": "Data source not found"})
}

// find returns the datasource that has a uid or a name; "" is neither.
func (s *server) find(uid, name string) (datasource, bool) {
	for _, d := range s.datasources {
		if uid != "" && string(d.UID) == uid || name != "" && string(d.Name) == name {
			return d, true
		}
	}
	return datasource{}, false
}

// proxy hands a request on to a datasource, without the admin's password.
func (s *server) proxy(w http.ResponseWriter, r *http.Request) {
	d, ok := s.find(r.PathValue("uid"), "")
	if !ok {
		answer(w, http.StatusNotFound, map[string]any{"message": "Unable to find datasource"})
		return
	}
	target, err := url.Parse(string(d.URL))
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]any{"message": "Failed to create request"})
		return
	}
	p := &httputil.ReverseProxy{
		Rewrite: func(out *httputil.ProxyRequest) {
			out.Out.URL.Path = strings.TrimPrefix(out.In.URL.Path, "/api/datasources/proxy/uid/"+string(d.UID))
			out.Out.URL.RawPath = ""
			out.SetURL(target)
			out.Out.Header.Del("Authorization")
			out.Out.Header.Del("Cookie")
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			answer(w, http.StatusBadGateway, map[string]any{"message": err.Error()})
		},
	}
	p.ServeHTTP(w, r)
}

// all returns the dashboards.
func (s *server) all() []board {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boards
}

func (s *server) search(w http.ResponseWriter, r *http.Request) {
	text, tag := strings.ToLower(r.URL.Query().Get("query")), r.URL.Query().Get("tag")
	found := []map[string]any{}
	if kind := r.URL.Query().Get("type"); kind != "" && kind != "dash-db" {
		answer(w, http.StatusOK, found)
		return
	}
	for i, b := range s.all() {
		if !strings.Contains(strings.ToLower(b.title), text) || tag != "" && !slices.Contains(b.tags, tag) {
			continue
		}
		found = append(found, map[string]any{
			"id": i + 1, "uid": b.uid, "title": b.title, "type": "dash-db", "url": "/d/" + b.uid + "/" + slug(b.title),
			"tags": slices.Concat([]string{}, b.tags), "folderTitle": b.folder,
		})
	}
	answer(w, http.StatusOK, found)
}

func (s *server) oneDashboard(w http.ResponseWriter, r *http.Request) {
	for _, b := range s.all() {
		if b.uid == r.PathValue("uid") {
			answer(w, http.StatusOK, map[string]any{
				"dashboard": b.model,
				"meta":      map[string]any{"slug": slug(b.title), "folderTitle": b.folder, "provisioned": true, "type": "db"},
			})
			return
		}
	}
	answer(w, http.StatusNotFound, map[string]any{"message": "Dashboard not found"})
}

func slug(title string) string {
	return strings.Join(strings.Fields(strings.ToLower(title)), "-")
}
