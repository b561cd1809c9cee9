package tracker3

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// An httpTracker is one HTTP listener (BEP 3, 7, 23, 48).
type httpTracker struct {
	*tracker
	l      listener
	labels labels
}

// announcer returns what an HTTP listener answers with.
func (t *tracker) announcer(l listener) http.Handler {
	h := &httpTracker{tracker: t, l: l, labels: binding("http", l.Bind)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health_check", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "Ok"})
	})
	for _, end := range []string{"", "/{key}"} {
		mux.HandleFunc("GET /announce"+end, h.bencoded(h.announce))
		mux.HandleFunc("GET /scrape"+end, h.bencoded(h.scrape))
	}
	return mux
}

// bencoded answers with what f returns, or with its error as the failure
// reason. Both have the status 200.
func (h *httpTracker) bencoded(f func(*http.Request, url.Values) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		body, err := []byte(nil), error(nil)
		query, err := parseQuery(r.URL.RawQuery)
		if err == nil {
			body, err = f(r, query)
		}
		if err != nil {
			body = fmt.Appendf(nil, "d14:failure reason%se", bstring(err.Error()))
		}
		_, _ = w.Write(body)
	}
}

// parseQuery is url.ParseQuery that takes a semicolon for a byte like others.
func parseQuery(raw string) (url.Values, error) {
	values := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("bad request: %w", err)
		}
		values[key] = append(values[key], decoded)
	}
	return values, nil
}

func (h *httpTracker) announce(r *http.Request, q url.Values) ([]byte, error) {
	a, err := h.request(r, q)
	if err != nil {
		return nil, err
	}
	if h.config.Core.Statistics && h.l.Statistics {
		h.metrics.add("http_tracker_core_requests_received_total", 1, h.labels, clientLabels(a.at.Addr()), labels{"request_kind": "announce"})
	}
	if err := h.access.key(r.PathValue("key")); err != nil {
		return nil, err
	}
	if err := h.access.torrent(a.torrent); err != nil {
		return nil, err
	}
	got, err := h.swarms.announce(r.Context(), a, func(netip.Addr) bool { return true })
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	p := h.config.Core.Announce
	fmt.Fprintf(&b, "d8:completei%de10:incompletei%de8:intervali%de12:min intervali%de", got.seeders, got.leechers, p.Interval, p.Min)
	if q.Get("compact") == "1" {
		four, six := compact(got.peers)
		fmt.Fprintf(&b, "5:peers%s6:peers6%s", bstring(four), bstring(six))
	} else {
		b.WriteString("5:peersl")
		for _, f := range got.peers {
			fmt.Fprintf(&b, "d2:ip%s7:peer id%s4:porti%dee", bstring(f.at.Addr().String()), bstring(string(f.id[:])), f.at.Port())
		}
		b.WriteByte('e')
	}
	b.WriteByte('e')
	return b.Bytes(), nil
}

// request reads an announce.
func (h *httpTracker) request(r *http.Request, q url.Values) (announce, error) {
	a := announce{event: q.Get("event"), want: -1}
	if len(q.Get("info_hash")) != 20 {
		return a, fmt.Errorf("bad request: info_hash has %d bytes, want 20", len(q.Get("info_hash")))
	}
	if len(q.Get("peer_id")) != 20 {
		return a, fmt.Errorf("bad request: peer_id has %d bytes, want 20", len(q.Get("peer_id")))
	}
	copy(a.torrent[:], q.Get("info_hash"))
	copy(a.id[:], q.Get("peer_id"))
	port, err := strconv.ParseUint(q.Get("port"), 10, 16)
	if err != nil {
		return a, errors.New("bad request: port is missing or wrong")
	}
	if left := q.Get("left"); left != "" {
		if a.left, err = strconv.ParseUint(left, 10, 64); err != nil {
			return a, errors.New("bad request: left is wrong")
		}
	}
	if want := q.Get("numwant"); want != "" {
		if a.want, err = strconv.Atoi(want); err != nil {
			return a, errors.New("bad request: numwant is wrong")
		}
	}
	if !slices.Contains([]string{"", "started", "stopped", "completed"}, a.event) {
		return a, errors.New("bad request: event is wrong")
	}
	ip, err := h.client(r, q)
	a.at = netip.AddrPortFrom(h.l.external(ip), uint16(port))
	return a, err
}

// client returns the address of who asks.
func (h *httpTracker) client(r *http.Request, q url.Values) (netip.Addr, error) {
	if said := q.Get("ip"); said != "" {
		if !h.l.FromQuery {
			return netip.Addr{}, errors.New("bad request: this tracker takes no ip parameter")
		}
		return netip.ParseAddr(said)
	}
	if !h.l.Network.Proxied {
		at, err := netip.ParseAddrPort(r.RemoteAddr)
		return at.Addr().Unmap(), err
	}
	all := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	if all == "" {
		return netip.Addr{}, errors.New("the header X-Forwarded-For is missing: this tracker is behind a reverse proxy")
	}
	ip, err := netip.ParseAddr(strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:]))
	return ip.Unmap(), err
}

func (h *httpTracker) scrape(r *http.Request, q url.Values) ([]byte, error) {
	client, err := h.client(r, q)
	if err != nil {
		return nil, err
	}
	if h.config.Core.Statistics && h.l.Statistics {
		h.metrics.add("http_tracker_core_requests_received_total", 1, h.labels, clientLabels(client), labels{"request_kind": "scrape"})
	}
	torrents := q["info_hash"]
	if len(torrents) == 0 || len(torrents) > mostScraped {
		return nil, fmt.Errorf("bad request: %d info_hash, want 1 to %d", len(torrents), mostScraped)
	}
	slices.Sort(torrents)
	var b bytes.Buffer
	b.WriteString("d5:filesd")
	for _, text := range slices.Compact(torrents) {
		if len(text) != 20 {
			return nil, fmt.Errorf("bad request: info_hash has %d bytes, want 20", len(text))
		}
		// Without a key, and of what is not on the whitelist, all is zero.
		var a answer
		torrent := infoHash([]byte(text))
		if h.access.key(r.PathValue("key")) == nil && h.access.torrent(torrent) == nil {
			a = h.swarms.scrape(torrent)
		}
		fmt.Fprintf(&b, "%sd8:completei%de10:downloadedi%de10:incompletei%dee", bstring(text), a.seeders, a.completed, a.leechers)
	}
	b.WriteString("ee")
	return b.Bytes(), nil
}

// compact returns peers in the compact forms of both families.
func compact(peers []found) (four, six string) {
	var v4, v6 []byte
	for _, f := range peers {
		if f.at.Addr().Is4() {
			v4 = appendPeer(v4, f.at)
		} else {
			v6 = appendPeer(v6, f.at)
		}
	}
	return string(v4), string(v6)
}

// bstring is a text in bencoding.
func bstring(s string) string { return strconv.Itoa(len(s)) + ":" + s }
