package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An edit of a configuration is read by the program that runs; one that its
// checker refuses never reaches it, not even by way of a restart.
func TestConfigurationIsCheckedAndReloaded(t *testing.T) {
	e := evaluate(t, `
am = alertmanager(name = "am", host = web, webhook = "http://127.0.0.1:1/")
prometheus(name = "prom", host = web, alerts = am)
`)
	w := newWorld(t, e, nil)
	w.start(e)
	for _, c := range []struct{ service, file, old, edit, wrong, shows, complaint string }{
		{
			service: "prom", file: "/etc/prometheus/next/prometheus.yml", old: "evaluation_interval: 15s",
			edit: "evaluation_interval: 17s", wrong: "evaluation_interval: never",
			shows: "http://prom:9090/api/v1/status/config", complaint: "never",
		},
		{
			service: "prom", file: "/etc/prometheus/next/rules/torrust.yml", old: "up == 0",
			edit: "up == 0 and up != 3", wrong: "up === 0",
			shows: "http://prom:9090/api/v1/rules", complaint: "parse error",
		},
		{
			service: "am", file: "/etc/alertmanager/next/alertmanager.yml", old: "group_wait: 30s",
			edit: "group_wait: 31s", wrong: "group_wait: never",
			shows: "http://am:9093/api/v2/status", complaint: "never",
		},
	} {
		pid := w.running[c.service].pid
		w.edit(c.service, c.file, c.old, c.edit)
		if err := w.healthy(c.service); err == nil {
			t.Errorf("%s: healthy with a configuration that it has not read", c.file)
		}
		w.reload(c.service, "")
		if err := w.healthy(c.service); err != nil {
			t.Errorf("%s: %v", c.file, err)
		}
		w.shows(c.shows, c.edit)

		w.edit(c.service, c.file, c.edit, c.wrong)
		w.reload(c.service, c.complaint)
		w.shows(c.shows, c.edit)
		if err := w.healthy(c.service); err == nil {
			t.Errorf("%s: healthy with a configuration that was refused", c.file)
		}
		if w.running[c.service].pid != pid {
			t.Errorf("%s: it was started anew", c.service)
		}
		w.stop(c.service)
		w.relaunch(c.service)
		w.await(c.service+" runs with the configuration before", func() error {
			if body, err := w.get(c.shows); err != nil || !strings.Contains(body, c.edit) {
				return fmt.Errorf("%v in %s", err, body)
			}
			return nil
		})
		w.edit(c.service, c.file, c.wrong, c.edit)
		w.await(c.service+" is healthy", func() error { return w.healthy(c.service) })
	}
}

// edit changes a file of a service that runs, in place.
func (w *world) edit(service, path, old, text string) {
	w.t.Helper()
	source := filepath.Join(w.dir, "files", service, path)
	content, err := os.ReadFile(source)
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		w.t.Fatalf("%s has no %q:\n%s", path, old, content)
	}
	f, err := os.OpenFile(source, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(strings.Replace(string(content), old, text, 1)); err != nil {
		w.t.Fatal(err)
	}
}

// reload runs the command by which a service reads its files again, and wants
// it to go well or, with a complaint, to fail with that.
func (w *world) reload(service, complaint string) {
	w.t.Helper()
	_, err := w.exec(service, w.running[service].service.Reload...)
	if complaint == "" && err != nil {
		w.t.Error(err)
	}
	if complaint != "" && (err == nil || !strings.Contains(err.Error(), complaint)) {
		w.t.Errorf("%s: got %v, want an error with %q", service, err, complaint)
	}
}

func (w *world) shows(url, text string) {
	w.t.Helper()
	if body, err := w.get(url); err != nil || !strings.Contains(body, text) {
		w.t.Errorf("%s does not show %q: %v %s", url, text, err, body)
	}
}
