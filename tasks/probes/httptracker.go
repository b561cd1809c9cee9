package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// askHTTPTracker lets two peers meet at every address of an HTTP tracker, or
// from inside its machine at the one that is written.
func askHTTPTracker(ctx context.Context, a *attempt) error {
	u, err := a.parse("http", "https")
	if err != nil {
		return err
	}
	scrape, err := scrapePath(u.EscapedPath())
	if err != nil {
		return err
	}
	ask := func(ctx context.Context, p path, dial dialFunc) error {
		return a.meet(ctx, &httpTracker{attempt: a, path: p, client: a.client(dial), url: u, scrapes: scrape}, p)
	}
	if a.inside {
		return ask(ctx, path{}, a.dial)
	}
	return a.everyAddress(ctx, u, func(ctx context.Context, p path) error {
		return ask(ctx, p, func(ctx context.Context, network, _ string) (net.Conn, error) {
			return a.dial(ctx, network, p.remote.String())
		})
	})
}

// scrapePath returns the escaped path of the scrape that belongs to an
// announce (BEP 48), which torrust-tracker may follow with a key.
func scrapePath(announce string) (string, error) {
	at := strings.LastIndex(announce, "/announce")
	if at < 0 {
		return "", &failure{
			text: "the path of an announce URL has an element that begins with announce",
			hint: "write it as http://HOST:PORT/announce",
		}
	}
	return announce[:at] + "/scrape" + announce[at+len("/announce"):], nil
}

type httpTracker struct {
	*attempt
	path
	client  *http.Client
	url     *url.URL
	scrapes string // escaped path
	there   bool   // something has answered there
}

func (t *httpTracker) announce(ctx context.Context, hash [20]byte, p *peer, e event) (announcement, error) {
	query := fmt.Sprintf("info_hash=%s&peer_id=%s&port=%d&uploaded=0&downloaded=0&left=%d&compact=1&numwant=50",
		escaped(hash), escaped(p.id), p.port, p.left)
	if e != regular {
		query += "&event=" + string(e)
	}
	p.known = true
	ask := t.ask
	if e == started && !t.there {
		ask = t.wait
	}
	answer, err := ask(ctx, t.url.EscapedPath(), query)
	if err != nil {
		return announcement{}, err
	}
	return readAnnouncement(answer)
}

func (t *httpTracker) scrape(ctx context.Context, hash [20]byte) (counts, error) {
	answer, err := t.ask(ctx, t.scrapes, "info_hash="+escaped(hash))
	if err != nil {
		return counts{}, err
	}
	return readCounts(answer, hash)
}

// wait asks until something is there. Only the first answer is waited for:
// a tracker that answers now and then fails.
func (t *httpTracker) wait(ctx context.Context, path, query string) (answer map[string]any, err error) {
	err = t.patiently(ctx, func(ctx context.Context) error {
		answer, err = t.ask(ctx, path, query)
		return err
	})
	return answer, err
}

// ask gets path with query added to what the URL has and returns the
// dictionary in the answer.
func (t *httpTracker) ask(ctx context.Context, path, query string) (map[string]any, error) {
	u := *t.url
	u.Path, u.RawPath = unescaped(path), path
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+query, "&")
	got, err := t.get(ctx, t.client, &u)
	if err != nil {
		return nil, err
	}
	t.there = true
	return t.read(got)
}

// unescaped returns a path that came from EscapedPath, so there is no error.
func unescaped(path string) string {
	p, _ := url.PathUnescape(path)
	return p
}

// read returns the dictionary in a page. A tracker refuses with status 200.
func (t *httpTracker) read(got page) (map[string]any, error) {
	if got.status != http.StatusOK {
		return nil, t.status(got, "200")
	}
	value, err := bdecode(got.body)
	if err != nil {
		return nil, fmt.Errorf("the answer is not bencoded (%w): %s", err, t.secrets.excerpt(string(got.body)))
	}
	answer, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the answer is not a dictionary: %s", t.secrets.excerpt(string(got.body)))
	}
	if reason, ok := answer["failure reason"]; ok {
		return nil, refusal("the tracker answers ", t.secrets.excerpt(fmt.Sprint(reason)))
	}
	if warning, ok := answer["warning message"].(string); ok {
		t.report("%sthe tracker warns: %s", t.prefix(), t.secrets.excerpt(warning))
	}
	return answer, nil
}

// escaped percent-encodes every byte that is not unreserved. A space is %20:
// trackers do not decode a plus.
func escaped(b [20]byte) string {
	return strings.ReplaceAll(url.QueryEscape(string(b[:])), "+", "%20")
}

// readAnnouncement reads the answer to an announce: peers in compact form, in
// the two lists of their families, or as a list of dictionaries.
func readAnnouncement(answer map[string]any) (announcement, error) {
	var got announcement
	interval, ok := answer["interval"].(int64)
	if !ok {
		return got, errors.New("the answer has no interval")
	}
	got.interval = time.Duration(min(interval, 1<<31)) * time.Second
	var err error
	switch peers := answer["peers"].(type) {
	case string:
		got.peers, err = compactPeers([]byte(peers), true)
	case []any:
		got.peers, err = listedPeers(peers)
	case nil:
		if _, ok := answer["peers6"]; !ok {
			err = errors.New("the answer has no peers")
		}
	default:
		err = errors.New("the peers are neither a string nor a list")
	}
	if err != nil || answer["peers6"] == nil {
		return got, err
	}
	six, ok := answer["peers6"].(string)
	if !ok {
		return got, errors.New("peers6 is not a string")
	}
	more, err := compactPeers([]byte(six), false)
	got.peers = append(got.peers, more...)
	return got, err
}

func listedPeers(list []any) ([]netip.AddrPort, error) {
	var peers []netip.AddrPort
	for _, entry := range list {
		p, _ := entry.(map[string]any)
		ip, _ := p["ip"].(string)
		number, ok := p["port"].(int64)
		addr, err := netip.ParseAddr(ip)
		if err != nil || !ok || number < 0 || number > 65535 {
			return nil, errors.New("a peer in the list has no ip and port")
		}
		peers = append(peers, netip.AddrPortFrom(addr, uint16(number)))
	}
	return peers, nil
}

// readCounts reads the answer to a scrape of one info-hash.
func readCounts(answer map[string]any, hash [20]byte) (counts, error) {
	files, ok := answer["files"].(map[string]any)
	if !ok {
		return counts{}, errors.New("the answer has no files")
	}
	file, ok := files[string(hash[:])].(map[string]any)
	if !ok || len(files) != 1 {
		return counts{}, fmt.Errorf("the answer is about %d info-hashes, the one that was asked for among them: %t", len(files), ok)
	}
	var got counts
	for name, n := range map[string]*int64{"complete": &got.seeders, "incomplete": &got.leechers, "downloaded": &got.completed} {
		if *n, ok = file[name].(int64); !ok {
			return counts{}, fmt.Errorf("the answer has no count %q", name)
		}
	}
	return got, nil
}
