package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// maxSocketPath is what fits in a socket address on every system, with its
// final zero.
const maxSocketPath = 103

// socketArgument is how QEMU, which runs in dir, is told where its control
// socket is: a path that is too long is given relative to dir.
func socketArgument(dir string) string {
	if path := filepath.Join(dir, socketFile); len(path) <= maxSocketPath {
		return path
	}
	return socketFile
}

// monitor is a connection to QEMU's control socket (QMP). It is not safe for
// concurrent use; QEMU serves one connection at a time, so it is held briefly.
type monitor struct {
	conn net.Conn
	in   *bufio.Reader
}

// talkWithin bounds everything that is said over one connection.
const talkWithin = 10 * time.Second

// dial connects to the machine in dir and leaves negotiation mode.
func dial(ctx context.Context, dir string) (*monitor, error) {
	path := filepath.Join(dir, socketFile)
	if len(path) > maxSocketPath {
		short, err := os.MkdirTemp("", "ttd")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(short)
		if err := os.Symlink(dir, filepath.Join(short, "d")); err != nil {
			return nil, err
		}
		path = filepath.Join(short, "d", socketFile)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(talkWithin)
	if sooner, ok := ctx.Deadline(); ok && sooner.Before(deadline) {
		deadline = sooner
	}
	m := &monitor{conn: conn, in: bufio.NewReader(conn)}
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, err
	}
	if err := m.do("qmp_capabilities", nil, nil); err != nil {
		conn.Close()
		return nil, err
	}
	return m, nil
}

func (m *monitor) Close() error { return m.conn.Close() }

// reply is any line from QEMU: the greeting, an event, an answer.
type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class       string `json:"class"`
		Description string `json:"desc"`
	} `json:"error"`
}

// do carries out a command and decodes its answer into result, unless that is
// nil.
func (m *monitor) do(command string, arguments, result any) error {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(m.conn).Encode(request); err != nil {
		return fmt.Errorf("qemu: %s: %w", command, err)
	}
	for {
		line, err := m.in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("qemu: %s: %w", command, err)
		}
		var r reply
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("qemu: %s: %w", command, err)
		}
		switch {
		case r.Error != nil:
			return fmt.Errorf("qemu: %s: %s", command, r.Error.Description)
		case r.Return == nil: // the greeting or an event
			continue
		case result == nil:
			return nil
		}
		return json.Unmarshal(r.Return, result)
	}
}

// human carries out a command of the monitor for people, for what QMP lacks.
func (m *monitor) human(command string) (string, error) {
	var answer string
	err := m.do("human-monitor-command", map[string]any{"command-line": command}, &answer)
	return answer, err
}

// status returns QEMU's word for what the machine does: running, paused, ….
func (m *monitor) status() (string, error) {
	var s struct {
		Status string `json:"status"`
	}
	err := m.do("query-status", nil, &s)
	return s.Status, err
}

// ask connects, carries out f and disconnects.
func (v *vm) ask(ctx context.Context, f func(*monitor) error) error {
	m, err := dial(ctx, v.dir)
	if err != nil {
		return err
	}
	return errors.Join(f(m), m.Close())
}
