#!/bin/sh
# Starts Grafana as the entry script of the official image does: it looks at the
# directories, and makes of every variable GF_NAME__FILE a variable GF_NAME with
# what the file holds.
set -e
[ -r "$GF_PATHS_CONFIG" ] || echo "GF_PATHS_CONFIG='$GF_PATHS_CONFIG' is not readable."
[ -w "$GF_PATHS_DATA" ] || echo "GF_PATHS_DATA='$GF_PATHS_DATA' is not writable."
[ -d "$GF_PATHS_PLUGINS" ] || mkdir "$GF_PATHS_PLUGINS"
for name in $(env | sed -n 's/^\(GF_[A-Z0-9_]*\)__FILE=..*/\1/p'); do
	eval "value=\${$name:-} file=\${${name}__FILE}"
	if [ -n "$value" ]; then
		echo "ERROR: Both $name and ${name}__FILE are set (but are exclusive)" >&2
		exit 1
	fi
	echo "Getting secret $name from $file"
	export "$name"="$(cat "$file")"
	unset "${name}__FILE"
done
export HOME="$GF_PATHS_HOME"
exec grafana server \
	--homepath="$GF_PATHS_HOME" \
	--config="$GF_PATHS_CONFIG" \
	--packaging=docker \
	"$@" \
	cfg:default.log.mode=console \
	cfg:default.paths.data="$GF_PATHS_DATA" \
	cfg:default.paths.logs="$GF_PATHS_LOGS" \
	cfg:default.paths.plugins="$GF_PATHS_PLUGINS" \
	cfg:default.paths.provisioning="$GF_PATHS_PROVISIONING"
