// Package tracker3 is a stand-in for the development generation of the tracker,
// the one with configuration schema 3.0.0, for tests where its image cannot be
// had. It is not the tracker: it was written from the tracker's documentation,
// and says what it is in its first line of output and in the header Server.
//
// What it keeps of the original is what deploying it depends on:
//
//   - It takes exactly the configuration that the schema describes: an unknown
//     key, a missing one and another version end it (config.go).
//   - UDP (BEP 15) and HTTP (BEP 3, 7, 23, 48) announces and scrapes over IPv4
//     and IPv6 with real lists of peers; keys, whitelist, reverse proxy,
//     connection ids and bans (udp.go, http.go, swarm.go).
//   - The API under /api/v1 with its tokens as header or in the query, JSON and
//     Prometheus forms of statistics and metrics, keys and the whitelist
//     (api.go, metrics.go), and the health check that asks every listener
//     (health.go).
//   - Keys, whitelist and completed downloads in MySQL (store.go). With SQLite it
//     keeps them in memory only, and says so.
//
// It serves no TLS and knows no PostgreSQL: a configuration that wants them ends
// it.
package tracker3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Name is what the stand-in calls itself.
const Name = "stand-in for torrust-tracker, configuration schema 3.0.0 (not the tracker itself)"

// A tracker is everything that runs.
type tracker struct {
	config  config
	swarms  *swarms
	metrics *metrics
	access  *access
	say     func(format string, args ...any)
	check   []service // what the health check asks

	mu     sync.Mutex
	ending []io.Closer
}

// Run serves what the configuration file says until ctx ends, and writes what
// it has to say to out. The environment is that of the process: variables
// TORRUST_TRACKER_CONFIG_OVERRIDE_… replace what the file has.
func Run(ctx context.Context, text []byte, environ []string, out io.Writer) error {
	fmt.Fprintln(out, Name)
	c, err := parse(text, environ)
	if err != nil {
		return err
	}
	var lock sync.Mutex
	say := func(format string, args ...any) {
		lock.Lock()
		defer lock.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
	}
	store, err := openStore(ctx, c.Core.Database, say)
	if err != nil {
		return err
	}
	defer store.close()
	t := &tracker{config: c, metrics: newMetrics(), say: say}
	if t.access, err = newAccess(ctx, c, store); err != nil {
		return err
	}
	if t.swarms, err = newSwarms(ctx, c, store, t.metrics); err != nil {
		return err
	}
	defer t.close()
	failed := make(chan error, 1)
	if err := t.listen(ctx, failed); err != nil {
		return err
	}
	go t.swarms.forget(ctx, time.Duration(c.Core.Cleanup)*time.Second)
	select {
	case <-ctx.Done():
		say("ends")
		return nil
	case err := <-failed:
		return err
	}
}

// listen opens every listener.
func (t *tracker) listen(ctx context.Context, failed chan error) error {
	if t.config.Core.Private && len(t.config.UDP) > 0 {
		t.say("warning: a private tracker serves no UDP, udp_trackers are skipped")
		t.config.UDP = nil
	}
	for _, l := range t.config.UDP {
		if err := t.serveUDP(ctx, l); err != nil {
			return err
		}
	}
	for _, l := range t.config.HTTP {
		if err := t.serveHTTP("http_tracker", l, t.announcer(l), failed); err != nil {
			return err
		}
	}
	if t.config.API != nil {
		if err := t.serveHTTP("tracker_rest_api", listener{Bind: t.config.API.Bind}, t.api(), failed); err != nil {
			return err
		}
	}
	return t.serveHTTP("health_check_api", listener{Bind: t.config.Health.Bind}, t.health(), failed)
}

// serveHTTP serves handler at l.
func (t *tracker) serveHTTP(kind string, l listener, handler http.Handler, failed chan error) error {
	socket, err := net.Listen(l.network("tcp"), l.Bind)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", Name)
		handler.ServeHTTP(w, r)
	})}
	t.closeLater(server)
	t.say("%s listens at %s", kind, socket.Addr())
	if kind != "health_check_api" {
		t.check = append(t.check, service{kind: kind, scheme: "http", address: socket.Addr().String(), shown: l.Bind})
	}
	go func() {
		if err := server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
			select {
			case failed <- err:
			default:
			}
		}
	}()
	return nil
}

func (t *tracker) closeLater(c io.Closer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ending = append(t.ending, c)
}

func (t *tracker) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.ending {
		c.Close()
	}
}
