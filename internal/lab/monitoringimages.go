package lab

import v1 "github.com/google/go-containerregistry/pkg/v1"

// searchPath is the PATH of images on a BusyBox.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// debianFiles is where Debian's programs of Prometheus look for their files.
const debianFiles = "/usr/share/prometheus"

func prometheusImage() programs {
	return programs{
		name: PrometheusName, artefact: "prometheus-image", packages: []string{"prometheus"},
		content: []string{
			"copy", "/usr/bin/prometheus", "/bin/prometheus", "says", "/bin/prometheus", "version 3.5.3",
			"copy", "/usr/bin/promtool", "/bin/promtool", "says", "/bin/promtool", "version 3.5.3",
			"copy", "/etc/prometheus/prometheus.yml", "/etc/prometheus/prometheus.yml",
			// Debian's program has no pages of its own but this one.
			"copy", debianFiles + "/web/no-ui/index.html", debianFiles + "/web/no-ui/index.html",
			"data", "/prometheus", "data", "/etc/prometheus",
		},
		config: v1.Config{
			User: "nobody", WorkingDir: "/prometheus",
			Entrypoint: []string{"/bin/prometheus"},
			Cmd:        []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"},
			Env:        []string{searchPath}, ExposedPorts: tcpPorts("9090"),
			Volumes: map[string]struct{}{"/prometheus": {}}, Labels: imageLabels(PrometheusName),
		},
	}
}

func alertmanagerImage() programs {
	return programs{
		name: AlertmanagerName, artefact: "alertmanager-image", packages: []string{"prometheus-alertmanager"},
		content: []string{
			"copy", "/usr/bin/prometheus-alertmanager", "/bin/alertmanager", "says", "/bin/alertmanager", "version 0.33.1",
			"copy", "/usr/bin/amtool", "/bin/amtool", "says", "/bin/amtool", "version 0.33.1",
			"copy", "/etc/prometheus/alertmanager.yml", "/etc/alertmanager/alertmanager.yml",
			// These are in the official program itself.
			"copy", debianFiles + "/alertmanager/default.tmpl", debianFiles + "/alertmanager/default.tmpl",
			"copy", debianFiles + "/alertmanager/email.tmpl", debianFiles + "/alertmanager/email.tmpl",
			"data", "/alertmanager", "data", "/etc/alertmanager",
		},
		config: v1.Config{
			User: "nobody", WorkingDir: "/alertmanager",
			Entrypoint: []string{"/bin/alertmanager"},
			Cmd:        []string{"--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"},
			Env:        []string{searchPath}, ExposedPorts: tcpPorts("9093"),
			Volumes: map[string]struct{}{"/alertmanager": {}}, Labels: imageLabels(AlertmanagerName),
		},
	}
}

func nodeExporterImage() programs {
	return programs{
		name: NodeExporterName, artefact: "node-exporter-image", packages: []string{"prometheus-node-exporter"},
		content: []string{
			"copy", "/usr/bin/prometheus-node-exporter", "/bin/node_exporter", "says", "/bin/node_exporter", "version 1.11.1",
		},
		config: v1.Config{
			User: "nobody", Entrypoint: []string{"/bin/node_exporter"},
			Env: []string{searchPath}, ExposedPorts: tcpPorts("9100"), Labels: imageLabels(NodeExporterName),
		},
	}
}

func blackboxExporterImage() programs {
	return programs{
		name: BlackboxExporterName, artefact: "blackbox-exporter-image", packages: []string{"prometheus-blackbox-exporter"},
		content: []string{
			"copy", "/usr/bin/prometheus-blackbox-exporter", "/bin/blackbox_exporter", "says", "/bin/blackbox_exporter", "version 0.28.0",
			"copy", "/etc/prometheus/blackbox.yml", "/etc/blackbox_exporter/config.yml",
		},
		config: v1.Config{
			Entrypoint: []string{"/bin/blackbox_exporter"},
			Cmd:        []string{"--config.file=/etc/blackbox_exporter/config.yml"},
			Env:        []string{searchPath}, ExposedPorts: tcpPorts("9115"), Labels: imageLabels(BlackboxExporterName),
		},
	}
}

// jsonExporterImage pins the program by its module file: it prints no
// version where its own release script did not build it.
func jsonExporterImage() programs {
	return programs{
		name: JSONExporterName, artefact: "json-exporter-image",
		build: []build{{
			program: "json_exporter", pkg: "github.com/prometheus-community/json_exporter",
			module: jsonExporterModule, sums: jsonExporterSums,
		}},
		content: []string{"copy", "json_exporter", "/bin/json_exporter"},
		config: v1.Config{
			User: "nobody", Entrypoint: []string{"/bin/json_exporter"},
			Env: []string{searchPath}, ExposedPorts: tcpPorts("7979"), Labels: imageLabels(JSONExporterName),
		},
	}
}

func caddyImage() programs {
	return programs{
		name: CaddyName, artefact: "caddy-image", packages: []string{"caddy", "libcap2-bin"},
		content: []string{
			"copy", "/usr/bin/caddy", "/usr/bin/caddy", "flag", "version", "says", "/usr/bin/caddy", "2.11.4", "bind", "/usr/bin/caddy",
			"copy", "/etc/caddy/Caddyfile", "/etc/caddy/Caddyfile",
			"copy", "/usr/share/caddy/index.html", "/usr/share/caddy/index.html",
			"make", "/config/caddy", "make", "/data/caddy", "make", "/srv",
		},
		config: v1.Config{
			Cmd: []string{"caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"},
			Env: []string{searchPath, "CADDY_VERSION=v2.11.4", "XDG_CONFIG_HOME=/config", "XDG_DATA_HOME=/data"},
			ExposedPorts: map[string]struct{}{
				"80/tcp": {}, "443/tcp": {}, "443/udp": {}, "2019/tcp": {},
			},
			WorkingDir: "/srv", Labels: imageLabels(CaddyName),
		},
	}
}

func tcpPorts(ports ...string) map[string]struct{} {
	set := map[string]struct{}{}
	for _, p := range ports {
		set[p+"/tcp"] = struct{}{}
	}
	return set
}
