package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type scriptCommand = func(ts *testscript.TestScript, neg bool, args []string)

// scriptCommands are the commands of scripts beside testscript's own.
func scriptCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"exits":    exits,
		"edit":     edit,
		"steady":   steady,
		"snapshot": snapshot,
		"waitfor":  waitfor,
		"machine":  machine,
		"serve":    serve,
		"fetch":    fetch,
	}
}

// exits CODE COMMAND [ARG…] runs a command that has to end with CODE.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// edit FILE OLD NEW replaces the one occurrence of OLD in FILE.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text, unescape := ts.ReadFile(args[0]), strings.NewReplacer(`\n`, "\n")
	old := unescape.Replace(args[1])
	if n := strings.Count(text, old); n != 1 {
		ts.Fatalf("%s holds %q %d times", args[0], old, n)
	}
	text = strings.Replace(text, old, unescape.Replace(args[2]), 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// varying is what differs from run to run: durations, and the times in the
// names of logs.
var varying = regexp.MustCompile(`\b(\d+\.\d+s|\d+m\d\ds)\b`)

var logTimes = regexp.MustCompile(`\b\d{8}T\d{6}\.\d{3}Z\b`)

// steady stdout|stderr|FILE OUT writes the text with every duration as 0.0s,
// every time in the name of a log as TIME and the work directory as $WORK to
// OUT, to be compared.
func steady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: steady stdout|stderr|FILE OUT")
	}
	text := varying.ReplaceAllString(ts.ReadFile(args[0]), "0.0s")
	text = logTimes.ReplaceAllString(text, "TIME")
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// snapshot DIR OUT writes every path under DIR with its digest, mode and time
// to OUT.
func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: snapshot DIR OUT")
	}
	dir := ts.MkAbs(args[0])
	var b strings.Builder
	ts.Check(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var sum [sha256.Size]byte
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = sha256.Sum256(data)
		}
		_, err = fmt.Fprintf(&b, "%s %v %x %s\n", path, info.Mode(), sum, info.ModTime().Format(time.RFC3339Nano))
		return err
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
}

// waitfor FILE REGEXP waits until the text of FILE matches.
func waitfor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE REGEXP")
	}
	want := regexp.MustCompile(args[1])
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && want.Match(data) {
			return
		}
	}
	ts.Fatalf("%s never matched %q", args[0], args[1])
}

// serve TEXT answers every request with TEXT on a port of loopback until the
// script ends, and sets SERVED to the port and FREE to one that nobody uses.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve TEXT")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, args[0]) }))
	ts.Defer(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	ts.Check(err)
	ts.Setenv("SERVED", port)
	ts.Setenv("FREE", freePort(ts))
}

// fetch URL TEXT waits until URL answers, which has to be with TEXT.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch URL TEXT")
	}
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var answer *http.Response
		if answer, err = http.Get(args[0]); err != nil {
			continue
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		ts.Check(err)
		if strings.TrimSpace(string(body)) != args[1] {
			ts.Fatalf("%s answers %q", args[0], body)
		}
		return
	}
	ts.Fatalf("%s does not answer: %v", args[0], err)
}
