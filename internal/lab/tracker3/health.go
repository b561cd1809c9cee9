package tracker3

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// A service is something that the health check asks.
type service struct{ kind, scheme, address, shown string }

// A detail is what the health check found of one.
type detail struct {
	Binding string            `json:"binding"`
	URL     string            `json:"service_binding"`
	Type    string            `json:"service_type"`
	Info    string            `json:"info"`
	Result  map[string]string `json:"result"`
}

// health returns the health check: its status is always 200, what is wrong
// stands in the body.
func (t *tracker) health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, struct{}{}) })
	mux.HandleFunc("GET /health_check", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 4*time.Second)
		defer cancel()
		status, details := "Ok", []detail{}
		for _, s := range t.check {
			d := detail{
				Binding: s.shown, URL: s.scheme + "://" + s.shown, Type: s.kind,
				Info: fmt.Sprintf("checking the %s health check at: %s", s.kind, s.shown),
			}
			if said, err := s.ask(ctx); err != nil {
				status, d.Result = "Error", map[string]string{"Err": err.Error()}
			} else {
				d.Result = map[string]string{"Ok": said}
			}
			details = append(details, d)
		}
		if len(details) == 0 {
			status = "None"
		}
		writeJSON(w, http.StatusOK, map[string]any{"status": status, "message": "", "details": details})
	})
	return mux
}

// ask asks a service through the loopback.
func (s service) ask(ctx context.Context) (string, error) {
	at := netip.MustParseAddrPort(s.address)
	if at.Addr().IsUnspecified() {
		loopback := netip.IPv6Loopback()
		if at.Addr().Is4() {
			loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		at = netip.AddrPortFrom(loopback, at.Port())
	}
	if s.scheme == "udp" {
		return connectUDP(ctx, at)
	}
	path := "/health_check"
	if s.kind == "tracker_rest_api" {
		path = "/api/health_check"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+path, nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	return answer.Status, nil
}

func connectUDP(ctx context.Context, at netip.AddrPort) (string, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return "", err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	request := binary.BigEndian.AppendUint64(nil, protocolID)
	request = append(request, 0, 0, 0, 0, 1, 2, 3, 4)
	if _, err := c.Write(request); err != nil {
		return "", err
	}
	reply := make([]byte, 32)
	n, err := c.Read(reply)
	if err != nil {
		return "", err
	}
	if n != 16 || binary.BigEndian.Uint32(reply) != actionConnect {
		return "", fmt.Errorf("the answer to connect has %d bytes", n)
	}
	return "Connected", nil
}
