package lab

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// trackerConfig is the configuration of the official image: its Containerfile
// and the base image's environment.
func trackerConfig() v1.Config {
	return v1.Config{
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/busybox",
			"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
			"TORRUST_TRACKER_CONFIG_TOML_PATH=/etc/torrust/tracker/tracker.toml",
			"TORRUST_TRACKER_CONFIG_OVERRIDE_CORE__DATABASE__DRIVER=sqlite3",
			"USER_ID=1000",
			"UDP_PORT=6969",
			"HTTP_PORT=7070",
			"API_PORT=1212",
			"HEALTH_CHECK_API_PORT=1313",
			"TZ=Etc/UTC",
			"ENV=/etc/profile",
			"RUNTIME=release",
		},
		Entrypoint: []string{"/usr/local/bin/entry.sh"},
		Cmd:        []string{"/usr/bin/torrust-tracker"},
		WorkingDir: "/",
		ExposedPorts: map[string]struct{}{
			"6969/udp": {}, "7070/tcp": {}, "1212/tcp": {}, "1313/tcp": {},
		},
		Volumes: map[string]struct{}{
			"/var/lib/torrust/tracker": {}, "/var/log/torrust/tracker": {}, "/etc/torrust/tracker": {},
		},
		Healthcheck: &v1.HealthConfig{
			Test: []string{"CMD-SHELL",
				"/usr/bin/http_health_check http://localhost:${HEALTH_CHECK_API_PORT}/health_check || exit 1"},
			Interval:    5 * time.Second,
			Timeout:     5 * time.Second,
			StartPeriod: 3 * time.Second,
			Retries:     3,
		},
		Labels: imageLabels(TrackerName),
	}
}

// listenerConfig runs BusyBox's web server.
func listenerConfig() v1.Config {
	return v1.Config{
		Env:          []string{"PATH=/bin"},
		Cmd:          []string{"/bin/httpd", "-f", "-p", "8080", "-h", "/www"},
		WorkingDir:   "/",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Healthcheck: &v1.HealthConfig{
			Test:     []string{"CMD", "/bin/wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"},
			Interval: 2 * time.Second,
			Timeout:  5 * time.Second,
			Retries:  3,
		},
		Labels: imageLabels(ListenerName),
	}
}
