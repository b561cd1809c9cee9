package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestNetworkIsAWorldOfItsOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test makes network namespaces and needs root")
	}
	name := fmt.Sprintf("lab-test-%d", os.Getpid())
	n, err := NewNetwork(t.Context(), name, "tap0", "tap1")
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			n.Close(context.Background())
		}
	}()
	links, err := command(t.Context(), n.Command("ip", "-oneline", "link")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, links)
	}
	for _, want := range []string{"br0:", "tap0:", "tap1:", bridgeMAC, "master br0"} {
		if !strings.Contains(string(links), want) {
			t.Errorf("links lack %q:\n%s", want, links)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, address := range []string{net.JoinHostPort(Gateway4, "80"), net.JoinHostPort(Gateway6, "80")} {
		l, err := n.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := n.DialContext(ctx, "tcp", address)
		if err != nil {
			t.Errorf("from inside: %v", err)
			continue
		}
		c.Close()
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		if strings.HasPrefix(a.String(), Gateway4+"/") || strings.HasPrefix(a.String(), Gateway6+"/") {
			t.Errorf("%s is an address outside of the namespace", a)
		}
	}
	if c, err := n.ListenPacket("udp", net.JoinHostPort(Gateway4, "53")); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}

	// What a run that was killed left behind is replaced.
	again, err := NewNetwork(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.IP(t.Context(), "link", "show", "tap0"); err == nil {
		t.Error("a tap of the old namespace is there")
	}
	closed = true
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(namespaceIn + name); !os.IsNotExist(err) {
		t.Errorf("the namespace is still there: %v", err)
	}
	if _, err := n.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("a socket in a namespace that is gone")
	}
}
