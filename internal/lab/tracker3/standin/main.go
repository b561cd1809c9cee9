// Command standin is the programs of the image that stands in for
// torrust/tracker:develop, in one file: it does what the name that it is called
// by does.
//
//	torrust-tracker     the tracker, see package tracker3
//	http_health_check   asks a URL; fails unless the status is below 400
//	entry.sh            makes the directories, gives them to USER_ID and starts
//	                    its arguments as that user, like the image's entry script
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/torrust/tracker-deployer/internal/lab/tracker3"
)

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(argv []string) error {
	switch name := filepath.Base(argv[0]); {
	case name == "entry.sh" && len(argv) > 1:
		return enter(argv[1:])
	case name == "http_health_check" && len(argv) == 2:
		return ask(argv[1])
	case name == "entry.sh" || name == "http_health_check":
		return fmt.Errorf("%s: an argument is missing", name)
	}
	return track()
}

// track reads the configuration where the environment says it is.
func track() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	text := []byte(os.Getenv("TORRUST_TRACKER_CONFIG_TOML"))
	if len(text) == 0 {
		path := os.Getenv("TORRUST_TRACKER_CONFIG_TOML_PATH")
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	return tracker3.Run(ctx, text, os.Environ(), os.Stdout)
}

// ask is the image's health check: only the status counts.
func ask(url string) error {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return errors.New(answer.Status)
	}
	return nil
}

// directories are those that the entry script gives away at every start.
var directories = []string{"/var/lib/torrust", "/var/log/torrust", "/etc/torrust"}

// enter does what the entry script does. A file that is mounted read-only stays
// as it is: that is no error there either.
func enter(argv []string) error {
	user, err := strconv.Atoi(os.Getenv("USER_ID"))
	if err != nil {
		return fmt.Errorf("USER_ID: %w", err)
	}
	for _, dir := range []string{"/var/lib/torrust/tracker/database", "/etc/torrust/tracker"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, dir := range directories {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
			_ = os.Chown(path, user, user)
			_ = os.Chmod(path, 0o770|os.ModeSetgid)
			return nil
		})
	}
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setgid(user); err != nil {
		return err
	}
	if err := syscall.Setuid(user); err != nil {
		return err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, argv, os.Environ())
}
