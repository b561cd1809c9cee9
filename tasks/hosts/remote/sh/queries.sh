# Queries. They write nothing, and start as few processes as they can: starting
# them is what an unchanged machine spends its time on.

# show FILE prints a small file without starting a process.
show() {
  [ -r "$1" ] || return 0
  while IFS= read -r line; do printf '%s\n' "$line"; done <"$1"
}

system() {
  uname -rm
  mark uname
  show /etc/os-release
  mark release
  show /proc/sys/kernel/random/boot_id
  mark boot
  read -r line </proc/meminfo
  printf '%s' "$line"
  mark memory
  at=$1
  while [ ! -e "$at" ]; do at=${at%/*}; [ -n "$at" ] || at=/; done
  stat -f -c '%a %S' -- "$at"
  mark disk
  show /proc/net/route
  mark route
  show /proc/net/ipv6_route
  mark route6
  have ip && ip -o addr show scope global
  mark addresses
}

# inspect VERSIONS PROJECTS REFERENCE… asks docker for everything, with as few
# of its slow clients as can be. PROJECTS is a list of words with blanks
# around. Versions come from the package manager where it knows them.
inspect() {
  have docker || { mark docker; exit 0; }
  versions=$1 projects=$2
  shift 2
  [ $# -eq 0 ] || docker image inspect --format \
    'image {"id":{{json .ID}},"tags":{{json .RepoTags}},"digests":{{json .RepoDigests}},"architecture":{{json .Architecture}}}' "$@" 2>/dev/null &
  list=$(docker ps -a --no-trunc --filter label=com.docker.compose.project --filter label=com.docker.compose.oneoff=False \
    --format '{{.ID}} {{.Label "com.docker.compose.project"}}' 2>/dev/null) || { wait; mark docker; exit 0; }
  set --
  while read -r id project; do
    case $projects in *" $project "*) set -- "$@" "$id" ;; esac
  done <<LIST
$list
LIST
  wait
  [ "$versions" = no ] || docker_versions
  [ $# -eq 0 ] || docker container inspect --format \
    'container {"id":{{json .ID}},"image":{{json .Image}},"status":{{json .State.Status}},"started":{{json .State.StartedAt}},"health":{{with .State.Health}}{{json .Status}}{{else}}""{{end}},"restarts":{{json .RestartCount}},"policy":{{json .HostConfig.RestartPolicy.Name}},"addresses":[{{range .NetworkSettings.Networks}}{{json .IPAddress}},{{end}}""],"labels":{{json .Config.Labels}}}' "$@"
  mark docker
}

docker_versions() {
  engine= plugin=
  if have dpkg-query; then
    while read -r status package version; do
      version=${version#*:}
      case $status:$package in
      installed:docker.io | installed:docker-ce) engine=${version%%-*} ;;
      installed:docker-compose | installed:docker-compose-v2 | installed:docker-compose-plugin) plugin=${version%%-*} ;;
      esac
    done <<LIST
$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' docker.io docker-ce docker-compose docker-compose-v2 docker-compose-plugin 2>/dev/null)
LIST
  fi
  [ -n "$engine" ] || engine=$(docker version --format '{{.Server.Version}}' 2>/dev/null)
  [ -n "$plugin" ] || plugin=$(docker compose version --short 2>/dev/null)
  printf 'version %s\ncompose %s\n' "$engine" "$plugin"
}

# files DIGESTS PATH… answers for files; DIGESTS has a word per path, "-" where
# no bytes are wanted.
files() {
  digests=$1
  shift
  stat --printf '%f %u %g %s %U %G %n\0' -- "$@" 2>/dev/null
  mark stat
  left=$# index=0 wanted=
  while [ "$left" -gt 0 ]; do
    path=$1
    shift
    if [ -f "$path" ] && [ ! -L "$path" ] && [ "${digests%% *}" != k ]; then
      set -- "$@" "$path"
      wanted="$wanted$index:${digests%% *} "
    fi
    digests=${digests#* } left=$((left - 1)) index=$((index + 1))
  done
  [ $# -gt 0 ] || exit 0
  sums=$(sha256sum -- "$@")
  set -f
  IFS='
'
  for line in $sums; do
    sum=${line#\\}
    sum=${sum%% *} want=${wanted%% *} wanted=${wanted#* }
    case ${want#*:} in - | "$sum") ;; *) head -c 262144 -- "$1" ;; esac
    mark sum "${want%%:*}" "$sum"
    shift
  done
}

# secret INDEX PATH compares a file with the bytes of stdin under the key.
secret() {
  if [ -f "$2" ] && [ ! -L "$2" ]; then
    keyed <&0
    wanted=$sum same=yes
    keyed <"$2"
    [ "$wanted" = "$sum" ] || { same=no; head -c 262144 -- "$2"; }
    mark secret "$1" "$same" "$sum"
  fi
}

packages() {
  have dpkg-query && dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' -- "$@" 2>/dev/null
  mark packages
}

units() {
  have systemctl && systemctl show -p LoadState,UnitFileState,ActiveState,NeedDaemonReload -- "$@" 2>/dev/null
  mark units
}

# sysctls PATH… reads parameters below /proc/sys. (They have to be read at once,
# the shell's own read takes a byte at a time.)
sysctls() {
  left=$#
  while [ "$left" -gt 0 ]; do
    [ ! -r "/proc/sys/$1" ] || [ -d "/proc/sys/$1" ] || set -- "$@" "/proc/sys/$1"
    shift
    left=$((left - 1))
  done
  [ $# -eq 0 ] || head -v -n 1 -- "$@" 2>/dev/null
  mark sysctls
}

# firewall INDEX TABLE compares the live table with what the rules of stdin make.
firewall() {
  live=$(nft -s list table inet "$2" 2>/dev/null) || { mark firewall "$1" none; exit 0; }
  printf '%s' "$live"
  pending=confirmed
  [ -e "$state/firewall/$2.pending" ] && pending=pending
  mark firewall "$1" "$pending"
  if want=$( { printf 'table inet %s {}\ndelete table inet %s\n' "$2" "$2"; cat; } |
    unshare -n sh -c 'nft -f - && exec nft -s list table inet "$1"' sh "$2" 2>&1 ); then
    printf '%s' "$want"
    mark wanted "$1" rules
  else
    printf '%s' "$want"
    mark wanted "$1" error
  fi
}

manifest() {
  [ -r "$state/manifest.json" ] && cat -- "$state/manifest.json"
  mark manifest
}
