package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// QMP is a connection to the monitor of a QEMU. Its methods may be called
// from several goroutines; commands run one after the other. A command that
// was cut off by its context leaves the connection unusable.
type QMP struct {
	mu   sync.Mutex
	conn net.Conn
	dec  *json.Decoder
}

// qmpAnswer is a line from QEMU: an answer, or an event, which has neither
// field and is passed over.
type qmpAnswer struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
}

// DialQMP connects to the Unix socket of a QEMU, waits for it to appear until
// ctx ends, and negotiates.
func DialQMP(ctx context.Context, socket string) (*QMP, error) {
	conn, err := dialSocket(ctx, socket)
	if err != nil {
		return nil, err
	}
	q := &QMP{conn: conn, dec: json.NewDecoder(conn)}
	if err := q.negotiate(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("monitor %s: %w", socket, err)
	}
	return q, nil
}

func dialSocket(ctx context.Context, socket string) (net.Conn, error) {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", socket)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("no monitor at %s: %w", socket, context.Cause(ctx))
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
}

func (q *QMP) negotiate(ctx context.Context) error {
	stop := q.until(ctx)
	var greeting struct {
		QMP json.RawMessage
	}
	err := q.dec.Decode(&greeting)
	stop()
	if err != nil {
		return err
	}
	if greeting.QMP == nil {
		return errors.New("no greeting: not a QMP socket")
	}
	_, err = q.Execute(ctx, "qmp_capabilities", nil)
	return err
}

// Execute runs a command and returns its answer. The arguments are anything
// that becomes a JSON object; nil is none.
func (q *QMP) Execute(ctx context.Context, command string, arguments any) (json.RawMessage, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	stop := q.until(ctx)
	defer stop()
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(q.conn).Encode(request); err != nil {
		return nil, q.failed(ctx, command, err)
	}
	for {
		var answer qmpAnswer
		if err := q.dec.Decode(&answer); err != nil {
			return nil, q.failed(ctx, command, err)
		}
		switch {
		case answer.Error != nil:
			return nil, fmt.Errorf("monitor command %q: %s", command, answer.Error.Desc)
		case answer.Return != nil:
			return answer.Return, nil
		}
	}
}

// Monitor runs a line of the human monitor and returns what it prints.
func (q *QMP) Monitor(ctx context.Context, line string) (string, error) {
	answer, err := q.Execute(ctx, "human-monitor-command", map[string]string{"command-line": line})
	if err != nil {
		return "", err
	}
	var text string
	if err := json.Unmarshal(answer, &text); err != nil {
		return "", fmt.Errorf("monitor command %q: %w", line, err)
	}
	return strings.TrimSpace(strings.ReplaceAll(text, "\r", "")), nil
}

// quietly is Monitor for a line that prints only when it goes wrong.
func (q *QMP) quietly(ctx context.Context, line string) error {
	said, err := q.Monitor(ctx, line)
	if err == nil && said != "" {
		err = fmt.Errorf("monitor command %q: %s", line, said)
	}
	return err
}

// Close ends the connection, not the machine.
func (q *QMP) Close() error { return q.conn.Close() }

// until makes reads and writes end with ctx.
func (q *QMP) until(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { q.conn.SetDeadline(time.Unix(1, 0)) })
}

func (q *QMP) failed(ctx context.Context, command string, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("monitor command %q: %w", command, err)
}
