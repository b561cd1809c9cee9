package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A server is a running Grafana.
type server struct {
	settings    settings
	datasources []datasource
	attempts    attempts
	log         io.Writer

	mu       sync.Mutex // guards what follows
	boards   []board
	sessions map[string]string // token → login
}

// serve is "grafana server": it runs until ctx ends.
func serve(ctx context.Context, args, environ []string, s streams) error {
	for _, a := range args {
		if !strings.HasPrefix(a, "--homepath=") && !strings.HasPrefix(a, "--config=") && !strings.HasPrefix(a, "--packaging=") && !strings.HasPrefix(a, "cfg:default.") {
			return fmt.Errorf("server: unknown argument %q", a)
		}
	}
	config, err := read(environ)
	if err != nil {
		return err
	}
	srv := &server{settings: config, log: s.out, sessions: map[string]string{}, attempts: attempts{wrong: map[string][]time.Time{}}}
	srv.tell("Starting Grafana version=%s (a stand-in of the lab, not Grafana)", version)
	made, err := initialise(config)
	if err != nil {
		return err
	}
	if made {
		srv.tell("Created default admin user=%s", config["security.admin_user"])
	}
	if srv.datasources, err = datasources(config["paths.provisioning"]); err != nil {
		return err
	}
	if err := srv.watch(ctx); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(config["server.http_addr"], config["server.http_port"]))
	if err != nil {
		return err
	}
	srv.tell("HTTP Server Listen address=%s", listener.Addr())
	h := &http.Server{Handler: srv.handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		srv.tell("Shutdown started")
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return h.Shutdown(within)
	}
}

func (s *server) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.log, "t=%s "+format+"\n", append([]any{time.Now().UTC().Format(time.RFC3339)}, args...)...)
}

// watch reads the dashboards now and again whenever their provider says so.
func (s *server) watch(ctx context.Context) error {
	all, err := providers(s.settings["paths.provisioning"])
	if err != nil {
		return err
	}
	look := func() {
		var boards []board
		for _, p := range all {
			boards = append(boards, p.boards(s.tell)...)
		}
		s.mu.Lock()
		s.boards = boards
		s.mu.Unlock()
	}
	look()
	for _, p := range all {
		go func() {
			tick := time.NewTicker(time.Duration(p.UpdateIntervalSeconds) * time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					look()
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	return nil
}

// handler returns the HTTP API. Health comes before everything else, also
// before the redirect to the enforced domain.
func (s *server) handler() http.Handler {
	open := http.NewServeMux()
	open.HandleFunc("GET /api/health", s.health)
	open.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Ok") })
	open.Handle("/", s.enforced(s.site()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Grafana-Stand-In", "this is not Grafana")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		open.ServeHTTP(w, r)
	})
}

func (s *server) site() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", s.page)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) })
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /api/user/signup", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusUnauthorized, map[string]any{"message": "User signup is disabled"})
	})
	for pattern, handle := range s.routes() {
		mux.Handle(pattern, s.authenticated(handle))
	}
	mux.Handle("/api/", s.authenticated(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, map[string]any{"message": "Not found"})
	}))
	return mux
}

func (s *server) enforced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		if s.settings.is("server.enforce_domain") && !strings.EqualFold(host, s.settings["server.domain"]) {
			http.Redirect(w, r, strings.TrimSuffix(s.settings["server.root_url"], "/")+r.RequestURI, http.StatusMovedPermanently)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	said := map[string]any{"database": "ok"}
	if !s.settings.is("auth.anonymous.hide_version") {
		said["version"], said["commit"] = version, "stand-in"
	}
	status := http.StatusOK
	if _, err := load(databaseOf(s.settings)); err != nil {
		said["database"], status = "failing", http.StatusServiceUnavailable
	}
	answer(w, status, said)
}

func (s *server) page(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, "<!doctype html><title>Grafana</title><p>This is the lab's stand-in for Grafana: it has the HTTP API and no interface.\n")
}

// enter reports whether a login and its password are right.
func (s *server) enter(login, password string) bool {
	now := time.Now()
	if !s.settings.is("security.disable_brute_force_login_protection") && !s.attempts.allowed(login, now) {
		return false
	}
	a, err := load(databaseOf(s.settings))
	right := err == nil && a.takes(login, password)
	s.attempts.record(login, right, now)
	return right
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	var given struct{ User, Password string }
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&given); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"message": "bad login data"})
		return
	}
	if !s.enter(given.User, given.Password) {
		answer(w, http.StatusUnauthorized, map[string]any{"message": "Invalid username or password"})
		return
	}
	token := rand.Text()
	s.mu.Lock()
	s.sessions[token] = given.User
	s.mu.Unlock()
	sameSite := map[string]http.SameSite{"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode}
	http.SetCookie(w, &http.Cookie{
		Name: "grafana_session", Value: token, Path: "/", HttpOnly: true,
		Secure: s.settings.is("security.cookie_secure"), SameSite: sameSite[s.settings["security.cookie_samesite"]],
	})
	answer(w, http.StatusOK, map[string]any{"message": "Logged in", "redirectUrl": "/"})
}

// authenticated lets the admin through, by name and password or by session.
func (s *server) authenticated(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch login, password, basic := r.BasicAuth(); {
		case basic && s.enter(login, password), !basic && s.session(r):
			next(w, r)
		case basic:
			answer(w, http.StatusUnauthorized, map[string]any{"message": "Invalid username or password"})
		default:
			answer(w, http.StatusUnauthorized, map[string]any{"message": "Unauthorized"})
		}
	})
}

func (s *server) session(r *http.Request) bool {
	cookie, err := r.Cookie("grafana_session")
	if errors.Is(err, http.ErrNoCookie) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.sessions[cookie.Value]
	return ok
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
