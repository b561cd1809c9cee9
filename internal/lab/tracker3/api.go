package tracker3

import (
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// api returns the REST API. Its tokens are asked for before its paths: an
// unknown path without one is unauthorized too.
func (t *tracker) api() http.Handler {
	inner := http.NewServeMux()
	t.statistics(inner)
	t.torrents(inner)
	t.keys(inner)
	outer := http.NewServeMux()
	outer.HandleFunc("GET /api/health_check", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "Ok"})
	})
	outer.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if reason := t.unauthorized(r); reason != "" {
			rejected(w, reason)
			return
		}
		inner.ServeHTTP(w, r)
	})
	return outer
}

// unauthorized says why r may not be answered; "" when it may. The header
// counts before the query.
func (t *tracker) unauthorized(r *http.Request) string {
	token := r.URL.Query().Get("token")
	if header := r.Header.Get("Authorization"); header != "" {
		bearer, ok := strings.CutPrefix(header, "Bearer ")
		if !ok {
			return "unauthorized"
		}
		token = strings.TrimSpace(bearer)
	}
	if token == "" {
		return "unauthorized"
	}
	for _, known := range t.config.API.Tokens {
		if subtle.ConstantTimeCompare([]byte(known), []byte(token)) == 1 {
			return ""
		}
	}
	return "token not valid"
}

// rejected is the tracker's answer to everything that goes wrong.
func rejected(w http.ResponseWriter, reason string) {
	http.Error(w, fmt.Sprintf("Unhandled rejection: Err { reason: %q }", reason), http.StatusInternalServerError)
}

// statistics adds the numbers about the tracker.
func (t *tracker) statistics(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/stats", func(w http.ResponseWriter, r *http.Request) {
		values := t.numbers()
		if r.URL.Query().Get("format") != "prometheus" {
			document := map[string]json.Number{}
			for _, n := range values {
				document[n.name] = json.Number(fmt.Sprintf("%.0f", n.value))
			}
			writeJSON(w, http.StatusOK, document)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		for _, n := range values {
			fmt.Fprintf(w, "%s %.0f\n", n.name, n.value)
		}
	})
	mux.HandleFunc("GET /api/v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		torrents, sum := t.swarms.totals()
		t.metrics.set("swarm_coordination_registry_torrents_total", float64(torrents))
		t.metrics.set("swarm_coordination_registry_peer_connections_total", float64(sum.seeders), labels{"peer_role": "seeder"})
		t.metrics.set("swarm_coordination_registry_peer_connections_total", float64(sum.leechers), labels{"peer_role": "leecher"})
		if r.URL.Query().Get("format") != "prometheus" {
			writeJSON(w, http.StatusOK, t.metrics.document())
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		t.metrics.prometheus(w)
	})
}

type number struct {
	name  string
	value float64
}

// numbers returns what /stats has.
func (t *tracker) numbers() []number {
	torrents, sum := t.swarms.totals()
	list := []number{
		{"torrents", float64(torrents)}, {"seeders", float64(sum.seeders)}, {"completed", float64(sum.completed)}, {"leechers", float64(sum.leechers)},
		{"udp_requests_aborted", t.metrics.sum("udp_tracker_server_requests_aborted_total", nil)},
		{"udp_requests_banned", t.metrics.sum("udp_tracker_server_requests_banned_total", nil)},
		{"udp_banned_ips_total", t.metrics.sum("udp_tracker_server_ips_banned_total", nil)},
	}
	for n, f := range map[string]string{"4": "inet", "6": "inet6"} {
		client := labels{"client_address_ip_family": f}
		of := func(kind string) labels { return client.with(labels{"request_kind": kind}) }
		const http, udp = "http_tracker_core_requests_received_total", "udp_tracker_server_requests_accepted_total"
		announces, scrapes := t.metrics.sum(http, of("announce")), t.metrics.sum(http, of("scrape"))
		list = append(list,
			number{"tcp" + n + "_connections_handled", announces + scrapes},
			number{"tcp" + n + "_announces_handled", announces}, number{"tcp" + n + "_scrapes_handled", scrapes},
			number{"udp" + n + "_requests", t.metrics.sum("udp_tracker_server_requests_received_total", client)},
			number{"udp" + n + "_connections_handled", t.metrics.sum(udp, of("connect"))},
			number{"udp" + n + "_announces_handled", t.metrics.sum(udp, of("announce"))},
			number{"udp" + n + "_scrapes_handled", t.metrics.sum(udp, of("scrape"))},
			number{"udp" + n + "_responses", t.metrics.sum("udp_tracker_server_responses_sent_total", client)},
			number{"udp" + n + "_errors_handled", t.metrics.sum("udp_tracker_server_errors_total", client)},
		)
	}
	return list
}

// torrents adds what tells about torrents, and the whitelist.
func (t *tracker) torrents(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/torrent/{hash}", func(w http.ResponseWriter, r *http.Request) {
		torrent, err := parseHash(r.PathValue("hash"))
		if err != nil {
			rejected(w, err.Error())
			return
		}
		a := t.swarms.scrape(torrent)
		if a.completed == 0 && len(a.peers) == 0 {
			writeJSON(w, http.StatusOK, "torrent not known")
			return
		}
		peers := []map[string]any{}
		for _, f := range a.peers {
			peers = append(peers, map[string]any{"peer_id": map[string]string{"id": "0x" + hex.EncodeToString(f.id[:])}, "peer_addr": f.at.String()})
		}
		writeJSON(w, http.StatusOK, map[string]any{
			"info_hash": hex.EncodeToString(torrent[:]), "seeders": a.seeders, "completed": a.completed, "leechers": a.leechers, "peers": peers,
		})
	})
	change := func(listed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			torrent, err := parseHash(r.PathValue("hash"))
			if err == nil {
				err = t.access.list(r.Context(), torrent, listed)
			}
			ok(w, err)
		}
	}
	mux.HandleFunc("POST /api/v1/whitelist/{hash}", change(true))
	mux.HandleFunc("DELETE /api/v1/whitelist/{hash}", change(false))
	mux.HandleFunc("GET /api/v1/whitelist/reload", func(w http.ResponseWriter, r *http.Request) { ok(w, t.access.reload(r.Context())) })
}

// keys adds what makes keys and takes them back.
func (t *tracker) keys(mux *http.ServeMux) {
	add := func(w http.ResponseWriter, r *http.Request, text *string, seconds *int64) {
		k, err := t.access.addKey(r.Context(), text, seconds)
		if err != nil {
			rejected(w, err.Error())
			return
		}
		writeJSON(w, http.StatusOK, k)
	}
	mux.HandleFunc("POST /api/v1/keys", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Key     *string `json:"key"`
			Seconds *int64  `json:"seconds_valid"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&body); err != nil {
			rejected(w, "the body is wrong: "+err.Error())
			return
		}
		add(w, r, body.Key, body.Seconds)
	})
	mux.HandleFunc("POST /api/v1/key/{seconds}", func(w http.ResponseWriter, r *http.Request) {
		seconds, err := strconv.ParseInt(r.PathValue("seconds"), 10, 64)
		if err != nil {
			rejected(w, "invalid URL parameter")
			return
		}
		add(w, r, nil, &seconds)
	})
	mux.HandleFunc("DELETE /api/v1/key/{key}", func(w http.ResponseWriter, r *http.Request) {
		ok(w, t.access.removeKey(r.Context(), r.PathValue("key")))
	})
	mux.HandleFunc("GET /api/v1/keys/reload", func(w http.ResponseWriter, r *http.Request) { ok(w, t.access.reload(r.Context())) })
}

func ok(w http.ResponseWriter, err error) {
	if err != nil {
		rejected(w, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func parseHash(text string) (infoHash, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 20 {
		return infoHash{}, fmt.Errorf("invalid info hash %q", text)
	}
	return infoHash(raw), nil
}

func writeJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // the client is gone, then
}
