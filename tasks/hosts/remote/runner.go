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

// A runner is the session that answers batches.
type runner struct {
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  *tail
	write   sync.Mutex // of stdin: batches and signs of life
	dead    chan struct{}
}

// start makes a runner; its first answer shows whether it lives.
func (m *Machine) start() (*runner, error) {
	session, err := m.client.NewSession()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	r := &runner{session: session, stderr: &tail{limit: 4 << 10}, dead: make(chan struct{})}
	session.Stderr = r.stderr
	stdout, err := session.StdoutPipe()
	if err == nil {
		r.stdin, err = session.StdinPipe()
	}
	text := program(m.target.Environment, "common", "queries", "files", "firewall", "hostkey", "runner")
	if err == nil {
		err = session.Start(bootstrap(len(text)))
	}
	if err != nil {
		session.Close()
		return nil, fmt.Errorf("%w: %w", hosts.ErrConnection, err)
	}
	r.stdout = bufio.NewReaderSize(stdout, 64<<10)
	// A write that finds the runner gone is no news: reading tells why.
	_, _ = io.WriteString(r.stdin, text)
	go r.stayAlive(m.done)
	return r, nil
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
			_, err := io.WriteString(r.stdin, header(0, newNonce()))
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
	stop := context.AfterFunc(ctx, func() { r.session.Close() })
	pieces, err := r.exchange(s)
	if stop() && err == nil {
		return pieces, nil
	}
	// Whatever went wrong, this runner is out of step: the next batch starts another.
	m.runner, m.locked = nil, false
	close(r.dead)
	r.session.Close()
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
		if _, err := io.WriteString(r.stdin, header(len(text), nonce)+text); err != nil {
			return
		}
		for _, p := range s.payloads {
			if _, err := r.stdin.Write(p); err != nil {
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
	_ = r.session.Wait() // so that all of stderr is here; its code says nothing more
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
