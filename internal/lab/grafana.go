package lab

import (
	"context"
	"embed"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// GrafanaName is the name under which a machine pulls [Lab.GrafanaImage].
const GrafanaName = "grafana/grafana:13.2.0"

//go:embed recipes/grafana-build.sh
var buildGrafana string

//go:embed recipes/grafana-run.sh
var runGrafana string

// grafanaSources decide what the program is: another one is another image.
//
//go:embed grafana13/*.go
var grafanaSources embed.FS

// GrafanaImage returns an image of the stand-in for Grafana, which cannot be
// had: the program of internal/lab/grafana13, compiled by the Go on this
// machine, in an image with the contract of the official one.
func (l *Lab) GrafanaImage(ctx context.Context) (Image, error) {
	r, err := grafanaRecipe()
	if err != nil {
		return Image{}, err
	}
	return l.image(ctx, GrafanaName, r)
}

func grafanaRecipe() (recipe, error) {
	return standin{
		image: imageBuild{
			name: GrafanaName, config: grafanaConfig(), variant: "extract", hook: "extract",
			packages: []string{"busybox-static"}, script: buildGrafana,
			beside: []beside{{"run.sh", runGrafana}},
		},
		artefact: "grafana-image", sources: grafanaSources, program: "grafana", pkg: "grafana13",
	}.recipe()
}

// grafanaConfig is the configuration of the official image.
func grafanaConfig() v1.Config {
	labels := imageLabels(GrafanaName)
	labels["org.opencontainers.image.description"] = "a stand-in of the lab with Grafana's documented contract; not Grafana"
	return v1.Config{
		User: "472", WorkingDir: "/usr/share/grafana",
		Entrypoint:   []string{"/run.sh"},
		ExposedPorts: map[string]struct{}{"3000/tcp": {}},
		Env: []string{
			"PATH=/usr/share/grafana/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"GF_PATHS_CONFIG=/etc/grafana/grafana.ini",
			"GF_PATHS_DATA=/var/lib/grafana",
			"GF_PATHS_HOME=/usr/share/grafana",
			"GF_PATHS_LOGS=/var/log/grafana",
			"GF_PATHS_PLUGINS=/var/lib/grafana/plugins",
			"GF_PATHS_PROVISIONING=/etc/grafana/provisioning",
		},
		Labels: labels,
	}
}
