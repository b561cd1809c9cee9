// Grafana13 stands in for Grafana 13 where its image cannot be had. It keeps
// the documented contract of what a deployment relies on, and says in its
// answers what it is.
//
//   - Settings come from variables GF_SECTION_KEY, in which $__file{PATH},
//     $__env{NAME} and ${NAME} are expanded. It knows the settings of a table
//     and refuses others and values of another type, which the original would
//     ignore: a misspelt setting is what it is there to find.
//   - The admin is made at the first start, with the password of that time; a
//     later GF_SECURITY_ADMIN_PASSWORD changes nothing. "grafana cli admin
//     reset-admin-password" does, also while the server runs. Only a hash is
//     kept.
//   - Datasources and dashboards are provisioned from files; a provisioning
//     file that is malformed or has an unknown key ends the program, a
//     dashboard that is malformed is logged and left out. Changed dashboards
//     are there after updateIntervalSeconds.
//   - The HTTP API asks for the admin's name and password, or for the session
//     that /login gives: health, organisation, user, datasources with their
//     proxy, search, dashboards, and queries of Prometheus. Five wrong
//     passwords in five minutes shut a user out.
//
// There is no interface, no other user, no alerting and no plugin, and the
// database is a JSON file.
//
// https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/
// https://grafana.com/docs/grafana/latest/administration/provisioning/
// https://grafana.com/docs/grafana/latest/developers/http_api/
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is that of the Grafana whose place this program takes.
const version = "13.2.0"

// streams are what a run reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Environ(), streams{os.Stdin, os.Stdout, os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// run is the program: "server" or "cli".
func run(ctx context.Context, args, environ []string, s streams) error {
	if len(args) == 0 {
		return errors.New("want server or cli")
	}
	switch args[0] {
	case "server":
		return serve(ctx, args[1:], environ, s)
	case "cli":
		return cli(args[1:], environ, s)
	case "--version", "-v":
		_, err := fmt.Fprintf(s.out, "grafana version %s (a stand-in of the lab)\n", version)
		return err
	default:
		return fmt.Errorf("unknown command %q, want server or cli", args[0])
	}
}
