package existing_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks"
	"github.com/torrust/tracker-deployer/tasks/providers/existing"
)

var _ tasks.Provider = (*existing.Provider)(nil)

func host(address string, port int) environments.Host {
	h := environments.Host{Provider: environments.Provider{Existing: &environments.Existing{Address: address, Port: port}}}
	h.Name = "web"
	return h
}

// listen returns a port on loopback that accepts connections until closed.
func listen(t *testing.T) (port int, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port, func() { l.Close() }
}

func TestAMachineThatAnswersIsRunning(t *testing.T) {
	port, stop := listen(t)
	p := existing.New(existing.Config{Ports: func(string) []int { return []int{6969, 7070} }})
	h := host("127.0.0.1", port)
	for name, status := range map[string]func() (tasks.Status, error){
		"Status": func() (tasks.Status, error) { return p.Status(t.Context(), h) },
		"Ensure": func() (tasks.Status, error) { return p.Ensure(t.Context(), h, func(string) {}) },
	} {
		s, err := status()
		if err != nil || s.State != tasks.StateRunning || !strings.HasPrefix(s.Address, "127.0.0.1:") {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		_, sshPort, _ := net.SplitHostPort(s.Address)
		want := map[string]string{"ipv4": "127.0.0.1", "port:6969": "6969", "port:7070": "7070", "port:" + sshPort: sshPort}
		if !maps.Equal(s.Outputs, want) {
			t.Errorf("%s: outputs %v, want %v", name, s.Outputs, want)
		}
	}
	stop()
	s, err := p.Status(t.Context(), h)
	if err != nil || s.State != tasks.StateUnreachable || !strings.Contains(s.Reason, "refused") || s.Address != "" {
		t.Errorf("after it went: %+v, %v", s, err)
	}
	if _, err := p.Ensure(t.Context(), h, func(string) {}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Ensure of one that does not answer: %v", err)
	}
}

func TestBothFamilies(t *testing.T) {
	port, _ := listen(t)
	s, err := existing.New(existing.Config{}).Status(t.Context(), host("::1", port))
	if err != nil || s.Outputs["ipv6"] != "::1" || s.Outputs["ipv4"] != "" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestANameThatDoesNotResolve(t *testing.T) {
	s, err := existing.New(existing.Config{}).Status(t.Context(), host("no-such-host.invalid", 22))
	if err != nil || s.State != tasks.StateUnreachable || !strings.Contains(s.Reason, `"no-such-host.invalid"`) {
		t.Errorf("%+v, %v", s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := existing.New(existing.Config{}).Status(ctx, host("no-such-host.invalid", 22)); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended run is not a machine that is away: %v", err)
	}
}

func TestItIsNeitherStoppedNorRemoved(t *testing.T) {
	p := existing.New(existing.Config{})
	var cannot *existing.CannotError
	if err := p.Stop(t.Context(), host("127.0.0.1", 22)); !errors.As(err, &cannot) || cannot.Hint() == "" {
		t.Errorf("Stop: %v", err)
	}
	if err := p.Remove(t.Context(), host("127.0.0.1", 22), false); err != nil {
		t.Errorf("Remove: %v", err)
	}
	if _, err := p.Status(t.Context(), environments.Host{}); err == nil {
		t.Error("a host of another provider was accepted")
	}
}
