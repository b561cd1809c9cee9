package lab

import (
	"context"
	_ "embed"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// MySQLVersion is the version of the server in [Lab.MySQLImage].
const MySQLVersion = "9.7.4"

// MySQLName is the name under which a machine pulls [Lab.MySQLImage].
const MySQLName = "mysql:" + MySQLVersion

//go:embed recipes/mysql-build.sh
var buildMySQL string

//go:embed recipes/mysql-entry.sh
var enterMySQL string

// mysqlPackages are the server, its clients, and those tools of the official
// image that scripts in a container may call.
var mysqlPackages = []string{
	"bash", "coreutils", "findutils", "gawk", "gosu", "grep", "gzip", "mysql-client-core", "mysql-server-core", "sed",
}

// MySQLImage returns an image of the real MySQL server, made of Debian's
// packages. It keeps the contract of the official image: the variables, files
// and hooks of its entry script, its user, paths, volume, ports and settings,
// and it has no program that the official one lacks. Missing are the time zone
// tables, mysqlsh, and messages in other languages than English.
func (l *Lab) MySQLImage(ctx context.Context) (Image, error) {
	return l.image(ctx, MySQLName, mysqlRecipe())
}

func mysqlRecipe() recipe {
	b := imageBuild{
		name: MySQLName, config: mysqlConfig(), suite: "sid", variant: "extract", hook: "extract", packages: mysqlPackages,
		script: buildMySQL, args: []string{MySQLVersion}, beside: []beside{{"docker-entrypoint.sh", enterMySQL}},
	}
	return b.recipe("mysql-image-"+MySQLVersion, "about 1 minute")
}

// mysqlConfig is the configuration of the official image.
func mysqlConfig() v1.Config {
	return v1.Config{
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"GOSU_VERSION=1.19",
			"MYSQL_MAJOR=9.7",
			"MYSQL_VERSION=" + MySQLVersion,
		},
		Entrypoint:   []string{"docker-entrypoint.sh"},
		Cmd:          []string{"mysqld"},
		WorkingDir:   "/",
		ExposedPorts: map[string]struct{}{"3306/tcp": {}, "33060/tcp": {}},
		Volumes:      map[string]struct{}{"/var/lib/mysql": {}},
		Labels:       imageLabels(MySQLName),
	}
}
