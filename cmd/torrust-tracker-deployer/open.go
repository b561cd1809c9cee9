package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/tasks/hosts"
)

// openCommand makes a tunnel to a service and shows it in a browser.
func (p *program) openCommand() *cobra.Command {
	var quiet bool
	var port int
	c := &cobra.Command{
		Use:   "open [SERVICE] ENV [KEY=VALUE…]",
		Short: "Look at a service that is not published, in a browser",
		Long: `open leads a port of this computer through the ssh connection to a service on its
machine, published or not, prints its URL, and shows it in a browser where there
is a display. It goes on until it is interrupted. The port of the service is its
web = …, or the first that it publishes over tcp.`,
		GroupID: groupReach,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := parseUpTo(c, args, 1)
			if err != nil {
				return err
			}
			if port < 0 || port > 65535 {
				return usage("--port %d is no port", port)
			}
			d, err := p.open(c.Context(), w)
			if err != nil {
				return err
			}
			s, err := d.onlyService(w.names)
			if err != nil {
				return err
			}
			return d.tunnel(c.Context(), s, port, !quiet)
		},
		ValidArgsFunction: p.completeServices,
	}
	c.Flags().BoolVar(&quiet, "no-browser", false, "print the URL, no more")
	c.Flags().IntVar(&port, "port", 0, "listen on port `N` of this computer; 0 is one that is free")
	return c
}

// tunnel listens on the loopback of this computer and hands connections on to
// a service until ctx ends or the operator interrupts.
func (d *deployment) tunnel(ctx context.Context, s environments.Service, port int, browser bool) error {
	to, err := webPort(s)
	if err != nil {
		return err
	}
	ctx, end := cancelledBySignals(ctx)
	defer end()
	m, err := d.reachMachine(ctx, s.Host)
	if err != nil {
		return err
	}
	defer closeMachine(m)
	through, ok := m.(hosts.Dialer)
	if !ok {
		return usage("nothing on host %q can be connected to", s.Host)
	}
	host, err := d.addressOf(ctx, m, s, to)
	if err != nil {
		return err
	}
	target := net.JoinHostPort(host, strconv.Itoa(to))
	probe, err := through.DialContext(ctx, "tcp", target)
	if err != nil {
		return err
	}
	probe.Close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return usage("--port %d: %w", port, err)
	}
	url := "http://" + l.Addr().String() + "/"
	fmt.Fprintln(d.program.Out, url)
	d.program.note("%s of vm:%s is there until you interrupt", s.Name, s.Host)
	if browser {
		d.program.visit(url)
	}
	d.hand(ctx, l, through, target)
	return nil
}

// webPort returns the port of a service that people look at.
func webPort(s environments.Service) (int, error) {
	if s.Web != 0 {
		return s.Web, nil
	}
	i := slices.IndexFunc(s.Ports, func(p environments.Publish) bool { return p.Proto == "tcp" })
	if i < 0 {
		return 0, usage("service %q does not say which of its ports is to be looked at", s.Name).hint("add web = PORT to its compose_service(…)")
	}
	return s.Ports[i].Port, nil
}

// addressOf returns where a port of a service answers, as seen from its
// machine: where it is published, else in the container's own network.
func (d *deployment) addressOf(ctx context.Context, m hosts.Machine, s environments.Service, port int) (string, error) {
	for _, p := range s.Ports {
		if p.Proto == "tcp" && p.Port == port {
			if p.Address == "" || p.Address == "0.0.0.0" {
				return "127.0.0.1", nil
			}
			return p.Address, nil
		}
	}
	q := hosts.ComposeQuery{Project: d.env.Name}
	facts, err := m.Observe(ctx, []hosts.Query{q})
	if err != nil {
		return "", err
	}
	f, _ := hosts.Find[*hosts.ComposeFact](facts, q)
	for _, c := range f.Containers {
		switch {
		case c.Service != s.Name:
		case c.State != "running":
			return "", fmt.Errorf("service %q is %s on vm %q", s.Name, c.State, s.Host)
		case c.Address != "":
			return c.Address, nil
		default:
			return "127.0.0.1", nil // in the network of the machine
		}
	}
	return "", fmt.Errorf("service %q has no container on vm %q", s.Name, s.Host)
}

// hand hands connections on until ctx ends, and waits for those that are open.
func (d *deployment) hand(ctx context.Context, l net.Listener, through hosts.Dialer, target string) {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		open.Go(func() {
			defer conn.Close()
			far, err := through.DialContext(ctx, "tcp", target)
			if err != nil {
				d.program.note("%v", err)
				return
			}
			defer far.Close()
			defer context.AfterFunc(ctx, func() { conn.Close(); far.Close() })()
			join(conn, far)
		})
	}
}

// linger is how long one direction goes on when the other one has ended.
const linger = time.Minute

// join copies both ways until both have ended, or one has for some time.
func join(a, b net.Conn) {
	done := make(chan struct{}, 2)
	copyTo := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // either end may go at any time
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		done <- struct{}{}
	}
	go copyTo(a, b)
	go copyTo(b, a)
	<-done
	select {
	case <-done:
	case <-time.After(linger):
	}
}

// visit shows a URL in the browser of the desktop, where there is one.
func (p *program) visit(url string) {
	name := "xdg-open"
	if runtime.GOOS == "darwin" {
		name = "open"
	} else if p.getenv("DISPLAY")+p.getenv("WAYLAND_DISPLAY") == "" {
		return
	}
	cmd := exec.Command(name, url)
	if err := cmd.Start(); err != nil {
		if !errors.Is(err, exec.ErrNotFound) {
			p.note("the browser: %v", err)
		}
		return
	}
	go func() { _ = cmd.Wait() }() // how it ends is not ours
}
