#!/usr/bin/env bash
# The entry script of the MySQL image, with the contract that the official one
# documents: https://hub.docker.com/_/mysql.
#
#  - A first word that is an option means mysqld with this option. Any other
#    program than mysqld is executed as it is.
#  - mysqld runs as the user mysql, which gets the data directory.
#  - An empty data directory is initialised: MYSQL_ROOT_PASSWORD (or
#    MYSQL_ALLOW_EMPTY_PASSWORD, MYSQL_RANDOM_ROOT_PASSWORD) is required;
#    MYSQL_ROOT_HOST, MYSQL_DATABASE, MYSQL_USER and MYSQL_PASSWORD are
#    optional. Each but the two can be given as a file by a variable NAME_FILE.
#  - During initialisation the server answers on its socket only. The files of
#    /docker-entrypoint-initdb.d are run then, in the order of their names: *.sh
#    (executed, or read into this shell if not executable), *.sql and *.sql.gz.
#
# As with the official one, passwords are in the environment of the server that
# this script starts, and a database that was initialised by half is taken for a
# whole one at the next start.
set -eo pipefail
shopt -s nullglob

say() { printf '%s [%s] [Entrypoint]: %s\n' "$(date --rfc-3339=seconds)" "$1" "$2"; }
die() {
	say ERROR "$1" >&2
	exit 1
}

# from_file NAME [DEFAULT] exports a variable that may be given as a file.
from_file() {
	local name=$1 file_name=$1_FILE
	local value=${!name:-} file=${!file_name:-}
	if [ -n "$value" ] && [ -n "$file" ]; then
		die "Both $name and $file_name are set (but are exclusive)"
	fi
	if [ -n "$file" ]; then
		value=$(<"$file") || die "$file_name: $file cannot be read"
	fi
	export "$name=${value:-${2:-}}"
	unset "$file_name"
}

# setting NAME MYSQLD… prints what the server would take for a setting.
setting() {
	local name=$1
	shift
	"$@" --verbose --help --log-bin-index="$(mktemp -u)" 2>/dev/null |
		awk -v name="$name" '$1 == name && /^[^ \t]/ { sub(/^[^ \t]+[ \t]+/, ""); print; exit }'
}

# options prints the option file by which a client logs in as root.
options() {
	if [ -n "$1" ]; then
		printf '[client]\nuser=root\npassword=%s\n' "$1"
	fi
}

# sql [PASSWORD] executes statements from standard input as root.
sql() {
	mysql --defaults-extra-file=<(options "${1:-}") --protocol=socket --user=root --host=localhost --socket="$SOCKET" \
		--comments --database="${DATABASE:-mysql}"
}

check_environment() {
	if [ -z "$MYSQL_ROOT_PASSWORD$MYSQL_ALLOW_EMPTY_PASSWORD$MYSQL_RANDOM_ROOT_PASSWORD" ]; then
		die 'Database is uninitialized and password option is not specified
    You need to specify one of the following as an environment variable:
    - MYSQL_ROOT_PASSWORD
    - MYSQL_ALLOW_EMPTY_PASSWORD
    - MYSQL_RANDOM_ROOT_PASSWORD'
	fi
	if [ "$MYSQL_USER" = root ]; then
		die 'MYSQL_USER="root", MYSQL_USER and MYSQL_PASSWORD are for configuring a regular user and cannot be used for the root user'
	fi
	if [ -n "$MYSQL_USER" ] && [ -z "$MYSQL_PASSWORD" ]; then
		say Warn 'MYSQL_USER specified, but missing MYSQL_PASSWORD; MYSQL_USER will not be created' >&2
	elif [ -z "$MYSQL_USER" ] && [ -n "$MYSQL_PASSWORD" ]; then
		say Warn 'MYSQL_PASSWORD specified, but missing MYSQL_USER; MYSQL_PASSWORD will be ignored' >&2
	fi
}

# directories makes what the server writes to and, as root, hands it over.
directories() {
	local wanted=("$DATADIR" "$(dirname "$SOCKET")") path
	path=$(setting secure-file-priv "$@")
	if [ -n "$path" ] && [ "$path" != NULL ]; then
		wanted+=("$path")
	fi
	mkdir -p "${wanted[@]}"
	if [ "$(id -u)" = 0 ]; then
		find "${wanted[@]}" ! -user mysql -exec chown --no-dereference mysql '{}' +
	fi
}

# accounts sets root's password and makes the database and its user.
accounts() {
	if [ -n "$MYSQL_RANDOM_ROOT_PASSWORD" ]; then
		MYSQL_ROOT_PASSWORD=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
		export MYSQL_ROOT_PASSWORD
		say Note "GENERATED ROOT PASSWORD: $MYSQL_ROOT_PASSWORD"
	fi
	{
		echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';"
		if [ -n "$MYSQL_ROOT_HOST" ] && [ "$MYSQL_ROOT_HOST" != localhost ]; then
			echo "CREATE USER 'root'@'$MYSQL_ROOT_HOST' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD';"
			echo "GRANT ALL ON *.* TO 'root'@'$MYSQL_ROOT_HOST' WITH GRANT OPTION;"
		fi
	} | sql
	if [ -n "$MYSQL_DATABASE" ]; then
		say Note "Creating database $MYSQL_DATABASE"
		echo "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;" | sql "$MYSQL_ROOT_PASSWORD"
	fi
	if [ -n "$MYSQL_USER" ] && [ -n "$MYSQL_PASSWORD" ]; then
		say Note "Creating user $MYSQL_USER"
		echo "CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';" | sql "$MYSQL_ROOT_PASSWORD"
		if [ -n "$MYSQL_DATABASE" ]; then
			echo "GRANT ALL ON \`${MYSQL_DATABASE//_/\\_}\`.* TO '$MYSQL_USER'@'%';" | sql "$MYSQL_ROOT_PASSWORD"
		fi
	fi
}

# hooks runs the user's files.
hooks() {
	local file
	for file in /docker-entrypoint-initdb.d/*; do
		case $file in
		*.sh)
			if [ -x "$file" ]; then
				say Note "$0: running $file"
				"$file"
			else
				say Note "$0: sourcing $file"
				. "$file"
			fi
			;;
		*.sql)
			say Note "$0: running $file"
			DATABASE=$MYSQL_DATABASE sql "$MYSQL_ROOT_PASSWORD" <"$file"
			;;
		*.sql.gz)
			say Note "$0: running $file"
			gzip -dc "$file" | DATABASE=$MYSQL_DATABASE sql "$MYSQL_ROOT_PASSWORD"
			;;
		*) say Warn "$0: ignoring $file" >&2 ;;
		esac
	done
}

initialise() {
	check_environment
	ls /docker-entrypoint-initdb.d/ >/dev/null
	say Note 'Initializing database files'
	"$@" --initialize-insecure --default-time-zone=SYSTEM
	say Note 'Starting temporary server'
	"$@" --daemonize --skip-networking --default-time-zone=SYSTEM --socket="$SOCKET" || die 'Unable to start server.'
	say Note 'Temporary server started.'
	accounts
	hooks
	say Note 'Stopping temporary server'
	mysqladmin --defaults-extra-file=<(options "$MYSQL_ROOT_PASSWORD") --user=root --socket="$SOCKET" shutdown ||
		die 'Unable to shut down server.'
	say Note 'MySQL init process done. Ready for start up.'
}

main() {
	if [ "${1:0:1}" = - ]; then
		set -- mysqld "$@"
	fi
	if [ "$1" = mysqld ] && ! only_tells "$@"; then
		say Note "Entrypoint script for MySQL Server $MYSQL_VERSION started."
		local wrong
		wrong=$("$@" --verbose --help --log-bin-index="$(mktemp -u)" 2>&1 >/dev/null) ||
			die "mysqld failed while attempting to check config"$'\n\t'"command was: $*"$'\n\t'"$wrong"
		DATADIR=$(setting datadir "$@")
		SOCKET=$(setting socket "$@")
		from_file MYSQL_ROOT_HOST %
		local name
		for name in MYSQL_DATABASE MYSQL_USER MYSQL_PASSWORD MYSQL_ROOT_PASSWORD; do
			from_file "$name"
		done
		directories "$@"
		if [ "$(id -u)" = 0 ]; then
			say Note "Switching to dedicated user 'mysql'"
			exec gosu mysql "$BASH_SOURCE" "$@"
		fi
		if [ ! -d "$DATADIR/mysql" ]; then
			initialise "$@"
		fi
	fi
	exec "$@"
}

# only_tells reports whether mysqld would print something and end.
only_tells() {
	local word
	for word; do
		case $word in
		-'?' | --help | --print-defaults | -V | --version) return 0 ;;
		esac
	done
	return 1
}

main "$@"
