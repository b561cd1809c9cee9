package lab

import (
	"context"
	"embed"
	"io/fs"
	"strings"

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
// machine, in an image with the contract of the official one. Building it
// needs a working directory in this module.
func (l *Lab) GrafanaImage(ctx context.Context) (Image, error) {
	r, err := grafanaRecipe()
	if err != nil {
		return Image{}, err
	}
	return l.image(ctx, GrafanaName, r)
}

func grafanaRecipe() (recipe, error) {
	b := imageBuild{
		name: GrafanaName, config: grafanaConfig(), variant: "extract", hook: "extract",
		packages: []string{"busybox-static"}, script: buildGrafana,
		beside: []beside{{"run.sh", runGrafana}},
	}
	r := b.recipe("grafana-image", "about 20 seconds")
	names, err := fs.Glob(grafanaSources, "grafana13/*.go")
	if err != nil {
		return r, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := grafanaSources.ReadFile(name)
		if err != nil {
			return r, err
		}
		r.input = append(r.input, name, string(source))
	}
	r.build = func(ctx context.Context, j *job) error {
		err := j.run(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w",
			"-o", j.path("work/grafana"), "github.com/torrust/tracker-deployer/internal/lab/grafana13")
		if err != nil {
			return err
		}
		return b.build(ctx, j)
	}
	return r, nil
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
