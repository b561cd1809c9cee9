package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrust/tracker-deployer/environments"
	"github.com/torrust/tracker-deployer/internal/lab"
)

// checked runs a program of an image on files of a service, which it sees below
// /check by their base names.
func checked(t *testing.T, image string, files map[string]string, argv ...string) (string, error) {
	t.Helper()
	u := shelf.get(t, image)
	dir := filepath.Join(u.root, "check")
	defer os.RemoveAll(dir)
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("nice", append([]string{"-n", "19", "chroot", u.root}, argv...)...)
	cmd.Env = append([]string{"HOME=/check"}, u.config.Env...)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// filesOf returns the files of a service below a directory, by the rest of
// their paths; a secret in them is its name.
func filesOf(t *testing.T, e *environments.Environment, service, directory string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, s := range e.Services {
		for _, m := range s.Files {
			if name, ok := strings.CutPrefix(m.Path, directory+"/"); ok && s.Name == service {
				text, err := m.Content.Render(func(v environments.Value) (string, error) { return v.Name, nil })
				if err != nil {
					t.Fatal(err)
				}
				files[name] = text
			}
		}
	}
	if len(files) == 0 {
		t.Fatalf("%s has no files below %s", service, directory)
	}
	return files
}

// Whatever is declared, the programs' own checkers take what is made of it,
// and refuse it with a word too much.
func TestCheckersTakeWhatIsRendered(t *testing.T) {
	for _, body := range []string{
		`prometheus(name = "prom", host = web)
alertmanager(name = "am", host = web, webhook = "https://example.com/")`,
		`one = tracker(name = "one", host = web)
two = tracker(name = "two", host = web, udp = [6868], http = [7171], api = 1222, health = 1414)
am = alertmanager(name = "am", host = web, heartbeat = secret("BEAT"),
    email = smtp(to = ["a@example.com", "b@example.com"], sender = "c@example.com", server = "smtp.example.com:587", username = "c", password = secret("SMTP")))
prometheus(name = "prom", host = web, targets = [one, two], alerts = am, certificates = ["https://tracker.example.com/"], backups = ["nightly"],
    scrape_interval = "1m", rules = {"mine": {"groups": [{"name": "mine", "rules": [{"record": "x:y", "expr": "sum(up)"}]}]}},
    scrape = [{"job_name": "mine", "static_configs": [{"targets": ["example.com:80"]}]}])`,
	} {
		e := evaluate(t, body)
		cases := []struct{ service, directory, file, image, argv string }{
			{"prom", "/etc/prometheus/next", "prometheus.yml", lab.PrometheusName, "/bin/promtool check config /check/prometheus.yml"},
			{"prom", "/etc/prometheus/next", "rules/torrust.yml", lab.PrometheusName, "/bin/promtool check rules /check/rules/torrust.yml"},
			{"am", "/etc/alertmanager/next", "alertmanager.yml", lab.AlertmanagerName, "/bin/amtool check-config /check/alertmanager.yml"},
			{"prom-blackbox", "/etc/blackbox_exporter", "config.yml", lab.BlackboxExporterName, "/bin/blackbox_exporter --config.check --config.file=/check/config.yml"},
		}
		if strings.Contains(body, "tracker(") {
			cases = append(cases, struct{ service, directory, file, image, argv string }{
				"prom-token", "/etc/caddy", "Caddyfile", lab.CaddyName, "/usr/bin/caddy validate --adapter caddyfile --config /check/Caddyfile",
			})
		}
		for _, c := range cases {
			files := filesOf(t, e, c.service, c.directory)
			if said, err := checked(t, c.image, files, strings.Fields(c.argv)...); err != nil {
				t.Errorf("%s: %v\n%s\n%s", c.argv, err, said, files[c.file])
			}
			files[c.file] += "\nnonsense: {}\n"
			if said, err := checked(t, c.image, files, strings.Fields(c.argv)...); err == nil {
				t.Errorf("%s takes nonsense: %s", c.argv, said)
			}
		}
	}
}

// ruleTests are unit tests of promtool: for each fault the alert that it has to
// raise, and its state before.
const ruleTests = `
rule_files: [rules/torrust.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'node_nf_conntrack_entries{host="web"}', values: '100x5 850x20'}
      - {series: 'node_nf_conntrack_entries_limit{host="web"}', values: '1000x30'}
      - {series: 'node_filesystem_avail_bytes{host="web",mountpoint="/"}', values: '50x5 4x20'}
      - {series: 'node_filesystem_size_bytes{host="web",mountpoint="/"}', values: '100x30'}
      - {series: 'node_netstat_Udp_InErrors{job="netns",tracker="tracker"}', values: '0x5 0+600x20'}
      - {series: 'node_netstat_Udp6_InErrors{job="netns",tracker="tracker"}', values: '0x30'}
      - {series: 'probe_success{job="blackbox",check="health",tracker="tracker"}', values: '1x5 0x20'}
      - {series: 'probe_success{job="blackbox",check="certificate",instance="https://x/"}', values: '1x30'}
      - {series: 'probe_ssl_earliest_cert_expiry{job="blackbox",instance="https://x/"}', values: '1209700x30'}
      - {series: 'backup_last_success_timestamp_seconds{backup="nightly"}', values: '0x30'}
      - {series: 'up{job="node",instance="n"}', values: '1x5 0x20'}
    alert_rule_test:
      - {eval_time: 5m, alertname: ConntrackNearlyFull, exp_alerts: []}
      - {eval_time: 5m, alertname: DiskNearlyFull, exp_alerts: []}
      - {eval_time: 5m, alertname: UDPErrors, exp_alerts: []}
      - {eval_time: 5m, alertname: TrackerUnhealthy, exp_alerts: []}
      - {eval_time: 5m, alertname: TargetDown, exp_alerts: []}
      - {eval_time: 1m, alertname: CertificateOld, exp_alerts: []}
      - {eval_time: 5m, alertname: BackupTooOld, exp_alerts: []}
      - eval_time: 20m
        alertname: ConntrackNearlyFull
        exp_alerts:
          - exp_labels: {severity: critical, host: web}
            exp_annotations:
              summary: '85 % of the table of connections of web are in use'
              description: 'New clients are dropped when it is full. Raise net.netfilter.nf_conntrack_max, lower its UDP timeouts.'
      - eval_time: 20m
        alertname: DiskNearlyFull
        exp_alerts:
          - exp_labels: {severity: critical, host: web, mountpoint: /}
            exp_annotations:
              summary: '4.0 % of the disk below / of web are free'
              description: '/ is where images and containers are, /textfile where the data is.'
      - eval_time: 20m
        alertname: UDPErrors
        exp_alerts:
          - exp_labels: {severity: warning, family: inet, job: netns, tracker: tracker}
            exp_annotations:
              summary: 'tracker tracker loses 10 UDP datagrams per second'
              description: 'They come faster than it reads: raise net.core.rmem_default, or give it more processor time.'
      - eval_time: 20m
        alertname: TrackerUnhealthy
        exp_alerts:
          - exp_labels: {severity: critical, job: blackbox, check: health, tracker: tracker}
            exp_annotations:
              summary: 'tracker tracker is not healthy'
              description: 'Its health check does not answer with the status Ok: a listener does not work, or all of it.'
      - eval_time: 20m
        alertname: TargetDown
        exp_alerts:
          - exp_labels: {severity: warning, job: node, instance: n}
            exp_annotations:
              summary: 'node n cannot be asked'
              description: 'Prometheus gets no metrics from it.'
      - eval_time: 20m
        alertname: CertificateOld
        exp_alerts:
          - exp_labels: {severity: critical, job: blackbox, instance: 'https://x/'}
            exp_annotations:
              summary: 'the certificate of https://x/ expires in 13d 23h 41m 40s'
              description: 'It should have been renewed.'
      - eval_time: 20m
        alertname: SiteDown
        exp_alerts: []
      - eval_time: 20m
        alertname: Heartbeat
        exp_alerts:
          - exp_labels: {severity: none}
            exp_annotations: {summary: 'Prometheus and Alertmanager work'}
  - interval: 1h
    input_series:
      - {series: 'backup_last_success_timestamp_seconds{backup="nightly"}', values: '0x100'}
    alert_rule_test:
      - eval_time: 40h
        alertname: BackupTooOld
        exp_alerts:
          - exp_labels: {severity: critical, backup: nightly}
            exp_annotations:
              summary: 'the last good backup nightly is 1d 16h 0m 0s old'
              description: 'Decades: there is none at all.'
  - interval: 1h
    input_series:
      - {series: 'up{job="node"}', values: '1x100'}
    alert_rule_test:
      - eval_time: 40h
        alertname: BackupTooOld
        exp_alerts:
          - exp_labels: {severity: critical, backup: nightly}
            exp_annotations:
              summary: 'the last good backup nightly is 1d 16h 0m 0s old'
              description: 'Decades: there is none at all.'
`

// Every fault raises its alert and none other, by promtool's own unit tests.
func TestAlertRules(t *testing.T) {
	e := evaluate(t, `prometheus(name = "prom", host = web, certificates = ["https://x/"], backups = ["nightly"])`)
	files := filesOf(t, e, "prom", "/etc/prometheus/next")
	files["test.yml"] = ruleTests
	argv := []string{"/bin/promtool", "test", "rules", "/check/test.yml"}
	if said, err := checked(t, lab.PrometheusName, files, argv...); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	files["rules/torrust.yml"] = strings.Replace(files["rules/torrust.yml"], "> 80", "> 90", 1)
	if said, err := checked(t, lab.PrometheusName, files, argv...); err == nil || !strings.Contains(said, "ConntrackNearlyFull") {
		t.Errorf("a rule that does not fire passes: %v\n%s", err, said)
	}
}
