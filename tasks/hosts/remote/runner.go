package remote

import (
	"bufio"
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/torrust/tracker-deployer/tasks/hosts"
)

//go:embed sh/*.sh
var shell embed.FS

// program returns the shell text of files in sh/, with the variables that
// every one of them has.
func program(environment string, files ...string) string {
	text := "state=" + quote(hosts.StateDirectory) + " environment=" + quote(environment) + "\n"
	for _, name := range files {
		data, err := shell.ReadFile("sh/" + name + ".sh")
		if err != nil {
			panic(err) // it is compiled in
		}
		text += string(data)
	}
	return text
}

// bootstrap returns the command that starts a program of n bytes that comes on
// stdin, as root; the user's shell sees nothing but this.
func bootstrap(n int) string {
	start := command("sh", "-c", fmt.Sprintf(`eval "$(head -c %d)"`, n))
	return "exec " + command("sh", "-c", `if [ "$(id -u)" -eq 0 ]; then exec `+start+`; else exec sudo -n -- `+start+`; fi`)
}

// A runner is the session that answers batches. It is a bare channel: an
// ssh.Session waits for a reply before the program can be sent.
type runner struct {
	channel ssh.Channel
	stdout  *bufio.Reader
	stderr  *tail
	write   sync.Mutex    // of stdin: batches and signs of life
	dead    chan struct{} // closed by whoever gives it up
	over    chan struct{} // closed when it has ended and all of stderr is here
}

// start makes a runner; its first answer shows whether it lives.
func (m *Machine) start() (*runner, error) {
	channel, requests, err := m.client.OpenChannel("session", nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	text := program(m.target.Environment, "common", "queries", "files", "firewall", "hostkey", "runner")
	exec := ssh.Marshal(struct{ Command string }{bootstrap(len(text))})
	if _, err := channel.SendRequest("exec", false, exec); err != nil {
		channel.Close()
		return nil, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	r := &runner{
		channel: channel, stdout: bufio.NewReaderSize(channel, 64<<10), stderr: &tail{limit: 4 << 10},
		dead: make(chan struct{}), over: make(chan struct{}),
	}
	go r.follow(requests)
	// A write that finds the runner gone is no news: reading tells why.
	_, _ = io.WriteString(r.channel, text)
	go r.stayAlive(m.done)
	return r, nil
}

// follow reads what the session says beside its answers. Its exit code says
// nothing more than the answer that is missing.
func (r *runner) follow(requests <-chan *ssh.Request) {
	defer close(r.over)
	drained := make(chan struct{})
	go func() {
		ssh.DiscardRequests(requests)
		close(drained)
	}()
	_, _ = io.Copy(r.stderr, r.channel.Stderr()) // until the channel ends, however that is
	<-drained
}

// header announces a script; size 0 is a sign of life.
func header(size int, nonce string) string { return fmt.Sprintf("%010d %s\n", size, nonce) }

// newNonce returns 32 letters that nobody can guess.
func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (r *runner) stayAlive(done <-chan struct{}) {
	tick := time.NewTicker(keepalive)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-r.dead:
			return
		case <-tick.C:
			r.write.Lock()
			_, err := io.WriteString(r.channel, header(0, newNonce()))
			r.write.Unlock()
			if err != nil {
				return
			}
		}
	}
}

// batch sends a script and returns what comes back. Called with mu held.
func (m *Machine) batch(ctx context.Context, s *script) ([]piece, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, batchDeadline,
		fmt.Errorf("%w: nothing came back in %s", hosts.ErrTimeout, batchDeadline))
	defer cancel()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if m.runner == nil {
		r, err := m.start()
		if err != nil {
			return nil, err
		}
		m.runner = r
	}
	r := m.runner
	m.batches.Add(1)
	stop := context.AfterFunc(ctx, func() { r.channel.Close() })
	pieces, err := r.exchange(s)
	if stop() && err == nil {
		return pieces, nil
	}
	// Whatever went wrong, this runner is out of step: the next batch starts another.
	m.runner, m.locked = nil, false
	close(r.dead)
	r.channel.Close()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, r.why(m, err)
}

// exchange sends a script and its payloads while it reads the answer: either
// may be larger than what the connection holds.
func (r *runner) exchange(s *script) ([]piece, error) {
	nonce := newNonce()
	text := strings.TrimRight(s.text, "\n")
	go func() {
		r.write.Lock()
		defer r.write.Unlock()
		if _, err := io.WriteString(r.channel, header(len(text), nonce)+text); err != nil {
			return
		}
		for _, p := range s.payloads {
			if _, err := r.channel.Write(p); err != nil {
				return
			}
		}
	}()
	return readAnswer(r.stdout, nonce)
}

// why says what ended a runner that did not answer.
func (r *runner) why(m *Machine, err error) error {
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	_, _, alive := m.client.SendRequest("keepalive@openssh.com", true, nil)
	if alive != nil {
		return fmt.Errorf("%w: %w", hosts.ErrConnection, alive)
	}
	<-r.over
	words := r.stderr.String()
	if strings.Contains(words, "sudo") {
		return fmt.Errorf("%w: %s", hosts.ErrSudo, words)
	}
	if words == "" {
		words = "the runner ended without a word"
	}
	return hosts.Explain(words)
}

// A tail keeps the last bytes that are written to it.
type tail struct {
	limit int
	mu    sync.Mutex
	data  []byte
}

// Write keeps the end of p.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - t.limit; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

// String returns what is kept, without space around.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.data))
}
