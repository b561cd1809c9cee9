package main

import (
	"os"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/torrust/tracker-deployer/tasks"
)

// A logFile is a reader of the stream that keeps everything that happens, at
// every verbosity, without colours. A nil *logFile keeps nothing.
type logFile struct {
	file   *os.File
	logger *logrus.Logger
}

// openLog opens the log at path for appending; "" is none.
func openLog(path, format string) (*logFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	logger := logrus.New()
	logger.SetOutput(f)
	logger.SetLevel(logrus.DebugLevel)
	logger.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true})
	if format == "json" {
		logger.SetFormatter(&logrus.JSONFormatter{})
	}
	return &logFile{file: f, logger: logger}, nil
}

// command notes what was asked for. Values of KEY=VALUE and what follows --,
// which stands before args[dash] where that is not negative, may be private and
// are left out.
func (l *logFile) command(path string, args []string, dash int) {
	if l == nil {
		return
	}
	var shown []string
	for i, a := range args {
		if i == dash {
			shown = append(shown, "-- …")
			break
		}
		key, _, setting := strings.Cut(a, "=")
		if setting {
			a = key + "=…"
		}
		shown = append(shown, a)
	}
	l.logger.WithField("arguments", strings.Join(shown, " ")).Info(path)
}

func (l *logFile) event(event tasks.Event) {
	if l == nil {
		return
	}
	s, ok := describe(event)
	if !ok {
		return
	}
	entry := l.logger.WithField("event", event.Kind())
	if s.subject != "" {
		entry = entry.WithField("node", s.subject)
	}
	text := stripControl(s.text)
	switch {
	case s.failed:
		entry.Error(text)
	case s.level > 1:
		entry.Debug(text)
	default:
		entry.Info(text)
	}
}

// note keeps a line that is not an event.
func (l *logFile) note(text string) {
	if l != nil {
		l.logger.Info(text)
	}
}

// close notes how the program ended.
func (l *logFile) close(fact string, code int) {
	if l == nil {
		return
	}
	entry := l.logger.WithField("exit", code)
	if code != exitDone && code != exitPending {
		entry.Error(stripControl(fact))
	} else {
		entry.Info("done")
	}
	_ = l.file.Close() // nothing is left to be told about it
}
