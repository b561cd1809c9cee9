package lab

import (
	"context"
	_ "embed"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The names under which a machine pulls the images of what watches a stack.
const (
	PrometheusName       = "prom/prometheus:v3.5.3"
	AlertmanagerName     = "prom/alertmanager:v0.33.1"
	NodeExporterName     = "prom/node-exporter:v1.11.1"
	BlackboxExporterName = "prom/blackbox-exporter:v0.28.0"
	JSONExporterName     = "prometheuscommunity/json-exporter:v0.7.0"
	CaddyName            = "caddy:2.11.4"
)

//go:embed recipes/programs-build.sh
var buildPrograms string

//go:embed recipes/json-exporter.mod
var jsonExporterModule string

//go:embed recipes/json-exporter.sum
var jsonExporterSums string

// PrometheusImage returns an image of the real Prometheus with promtool, of
// Debian's packages. Like all images of this file it keeps the contract of the
// official one: user, entry, command, paths, ports and a BusyBox beside the
// programs.
func (l *Lab) PrometheusImage(ctx context.Context) (Image, error) {
	return l.image(ctx, PrometheusName, prometheusImage().recipe())
}

// AlertmanagerImage returns an image of the real Alertmanager with amtool.
func (l *Lab) AlertmanagerImage(ctx context.Context) (Image, error) {
	return l.image(ctx, AlertmanagerName, alertmanagerImage().recipe())
}

// NodeExporterImage returns an image of the real node_exporter.
func (l *Lab) NodeExporterImage(ctx context.Context) (Image, error) {
	return l.image(ctx, NodeExporterName, nodeExporterImage().recipe())
}

// BlackboxExporterImage returns an image of the real blackbox_exporter.
func (l *Lab) BlackboxExporterImage(ctx context.Context) (Image, error) {
	return l.image(ctx, BlackboxExporterName, blackboxExporterImage().recipe())
}

// JSONExporterImage returns an image of the real json_exporter, compiled by
// the Go on this machine.
func (l *Lab) JSONExporterImage(ctx context.Context) (Image, error) {
	return l.image(ctx, JSONExporterName, jsonExporterImage().recipe())
}

// CaddyImage returns an image of the real Caddy.
func (l *Lab) CaddyImage(ctx context.Context) (Image, error) {
	return l.image(ctx, CaddyName, caddyImage().recipe())
}

// programs is an image of a BusyBox and a few programs.
type programs struct {
	name     string
	artefact string
	packages []string // of Debian sid, beside what every such image has
	content  []string // the words of recipes/programs-build.sh
	config   v1.Config
	build    []build // programs that are compiled first
}

// A build is a program that no Debian package has.
type build struct{ program, pkg, module, sums string }

func (p programs) recipe() recipe {
	b := imageBuild{
		name: p.name, config: p.config, suite: "sid", variant: "extract", hook: "extract",
		packages: slices.Concat([]string{"busybox-static", "ca-certificates", "libc6"}, p.packages),
		script:   buildPrograms, args: p.content,
	}
	r := b.recipe(p.artefact, "about 1 minute")
	for _, c := range p.build {
		r.input = append(r.input, c.program, c.pkg, c.module, c.sums)
	}
	image := r.build
	r.build = func(ctx context.Context, j *job) error {
		for _, c := range p.build {
			if err := c.run(ctx, j); err != nil {
				return err
			}
		}
		return image(ctx, j)
	}
	return r
}

// run leaves the program beside the script of the image.
func (c build) run(ctx context.Context, j *job) error {
	for name, content := range map[string]string{"go.mod": c.module, "go.sum": c.sums} {
		if err := j.write("work/"+c.program+".src/"+name, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return j.run(ctx, "env", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off",
		"go", "build", "-C", j.path("work/"+c.program+".src"), "-trimpath", "-buildvcs=false", "-ldflags=-s -w",
		"-o", j.path("work/"+c.program), c.pkg)
}
