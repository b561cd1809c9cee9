# Long operations. Lines that begin with the nonce are for the program: a value
# that was learnt, a line of the reason why something went wrong, or one more
# line about it; all others are for people.

exec <&5 5<&-

value() { printf '%s value %s\n' "$nonce" "$*"; }

reason() { while IFS= read -r line; do printf '%s reason %s\n' "$nonce" "$line"; done; }

more() { while IFS= read -r line; do printf '%s more %s\n' "$nonce" "$line"; done; }

die() {
  printf '%s\n' "$*" | reason
  exit 1
}

unsupported() {
  printf '%s\n' "$*" | reason
  exit 12
}

# login makes docker log in to registries by a file that is for our pulls alone.
login() {
  [ ! -e "$state/docker/config.json" ] || export DOCKER_CONFIG="$state/docker"
}

# containers PROJECT SERVICE… prints "ID SERVICE STATE" per container; with no
# service named those of the whole project.
containers() {
  project=$1
  shift
  docker ps -a --no-trunc --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.oneoff=False \
    --format '{{.ID}} {{.Label "com.docker.compose.service"}} {{.State}}' | while read -r id service is; do
    [ $# -gt 0 ] || printf '%s %s %s\n' "$id" "$service" "$is"
    for named; do
      [ "$service" != "$named" ] || printf '%s %s %s\n' "$id" "$service" "$is"
    done
  done
}

# ids keeps the first word of each line.
ids() { while read -r id rest; do printf '%s ' "$id"; done; }

# watch PROJECT SERVICE… prints "SERVICE ID STARTED RESTARTS STATUS HEALTH".
# (.ID, not .Id: with a name that its types lack, docker falls back to maps, in
# which a container without a health check has no .State.Health to ask for.)
watch() {
  set -- $(containers "$@" | ids)
  [ $# -gt 0 ] || return 0
  docker container inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.ID}} {{.State.StartedAt}} {{.RestartCount}} {{.State.Status}} {{with .State.Health}}{{.Status}}{{else}}none{{end}}' "$@"
}

# who keeps what says whether containers are the same ones.
who() { while read -r service id started rest; do printf '%s %s %s\n' "$service" "$id" "$started"; done; }

# settled keeps what must stay put.
settled() { while read -r service id started restarts is health; do printf '%s %s %s %s %s\n' "$service" "$id" "$started" "$restarts" "$is"; done; }

# blame says which services of stdin are not well, with their last lines.
blame() {
  while read -r service id started restarts is health; do
    case $service:$is:$health:$restarts in :* | *:running:healthy:0 | *:running:none:0) continue ;; esac
    {
      printf 'service "%s" is %s' "$service" "$is"
      [ "$health" = none ] || printf ' and %s' "$health"
      [ "$restarts" = 0 ] || printf ', was started again %s times' "$restarts"
      printf '; its last lines:\n'
      docker logs --tail 20 "$id" 2>&1 </dev/null
      docker container inspect --format '{{with .State.Health}}{{range .Log}}health check: exit code {{.ExitCode}}: {{printf "%.500s" .Output}}
{{end}}{{end}}' "$id" </dev/null | grep . | tail -n 1
    } | more
  done
}

# fallen keeps the containers that were started again though they are not in
# $before, a list of the lines of who: what is new has no reason to.
fallen() {
  while read -r service id started restarts is health; do
    case $before in *"$service $id "*) continue ;; esac
    [ "$restarts" = 0 ] || printf '%s ' "$service"
  done
}

# stays WORDS SERVICE… watches for $settle seconds whether the containers of
# project $name are as in $after. Healthy once is not enough: nothing may fall
# over until the end, and the last look is after it.
stays() {
  words=$1
  shift
  end=$(($(date +%s) + settle))
  while :; do
    last=
    [ "$(date +%s)" -lt "$end" ] || last=yes
    current=$(watch "$name" "$@")
    if [ "$(printf '%s\n' "$current" | settled)" != "$(printf '%s\n' "$after" | settled)" ] ||
      [ -n "$(printf '%s\n' "$current" | fallen)" ]; then
      printf '%s\n' "$words" | reason
      printf '%s\n' "$current" | blame
      exit 1
    fi
    [ -z "$last" ] || return 0
    sleep 0.5
  done
}

# compose_up PROJECT DIRECTORY RECREATE TIMEOUT SETTLE SERVICE…
compose_up() {
  name=$1 directory=$2 recreate=$3 limit=$4 settle=$5
  shift 5
  login
  export COMPOSE_IGNORE_ORPHANS=1
  before=$(watch "$name" "$@" | who)
  force=
  [ "$recreate" = no ] || force=--force-recreate
  docker compose --ansi never --progress plain --project-name "$name" --project-directory "$directory" \
    --file "$directory/compose.yaml" --env-file /dev/null \
    up --detach --no-deps --no-build --quiet-pull $force --wait --wait-timeout "$limit" -- "$@"
  code=$?
  after=$(watch "$name" "$@")
  if [ $code -ne 0 ]; then
    printf '%s\n' "$after" | blame
    exit 1
  fi
  stays "it started, but did not stay up" "$@"
  [ "$before" = "$(printf '%s\n' "$after" | who)" ] && exit 10
  exit 0
}

# compose_down PROJECT SERVICE…
compose_down() {
  have docker || exit 10
  did=10
  found=$(containers "$@" | ids)
  if [ -n "$found" ]; then
    docker stop $found && docker rm --force --volumes $found || exit 1
    did=0
  fi
  [ $# -eq 1 ] || exit $did
  found=$(docker network ls -q --filter "label=com.docker.compose.project=$1" | ids)
  [ -n "$found" ] || exit $did
  docker network rm $found
}

# compose_action PROJECT start|stop|restart SERVICE…
compose_action() {
  name=$1 action=$2
  shift 2
  list=$(containers "$name" "$@")
  for service; do
    case "
$list" in *" $service "*) ;; *) die "service \"$service\" has no container" ;; esac
  done
  found=
  while read -r id service is; do
    case $action:$is in start:running | stop:exited | stop:created) ;; *) found="$found $id" ;; esac
  done <<LIST
$list
LIST
  [ -n "$found" ] || exit 10
  docker "$action" $found
}

# unseen PID COUNT SOURCE TARGET … prints the targets at which the process PID
# has another file than SOURCE: its mount is of one that was replaced since.
unseen() {
  root=/proc/$1/root count=$2
  shift 2
  while [ "$count" -gt 0 ]; do
    [ "$root$2" -ef "$1" ] || printf '%s\n' "$2"
    count=$((count - 1))
    shift 2
  done
}

# healthy LIMIT SERVICE waits until the container of a service of project $name
# is healthy, and sets after to what it is then.
healthy() {
  end=$(($(date +%s) + $1))
  while :; do
    after=$(watch "$name" "$2")
    case " $after " in *" running healthy "* | *" running none "*) return 0 ;; esac
    if [ "$(date +%s)" -ge "$end" ]; then
      printf '%s\n' "$after" | blame
      die "it is not healthy after $1 seconds"
    fi
    sleep 0.5
  done
}

# compose_reload PROJECT SERVICE TIMEOUT SETTLE COUNT SOURCE TARGET … ARG…
compose_reload() {
  name=$1 service=$2 limit=$3 settle=$4 count=$5
  shift 5
  found=$(containers "$name" "$service")
  id=${found%% *}
  case $found in *' running') ;; *) die "service \"$service\" does not run" ;; esac
  pid=$(docker container inspect --format '{{.State.Pid}}' "$id") || exit 1
  stale=$(unseen "$pid" "$count" "$@")
  while [ "$count" -gt 0 ]; do
    count=$((count - 1))
    shift 2
  done
  if [ -n "$stale" ]; then
    value restarted $stale
    docker restart "$id" || exit 1
    healthy "$limit" "$service"
  else
    before=$(watch "$name" "$service" | who)
    timeout --kill-after 5 "$limit" docker exec "$id" "$@" </dev/null 2>&1
    code=$?
    [ $code -ne 124 ] || die "the command still ran after $limit seconds"
    if [ $code -ne 0 ]; then
      printf 'exit code %s\n' "$code"
      exit 1
    fi
    healthy "$limit" "$service"
    [ "$before" = "$(printf '%s\n' "$after" | who)" ] || die "it started again while it was reloaded"
  fi
  stays "it was reloaded, but did not stay up" "$service"
  exit 0
}

# pull_image REFERENCE ALWAYS
pull_image() {
  case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64) arch=arm64 ;;
  *) arch=$(uname -m) ;;
  esac
  login
  before=$(docker image inspect --format '{{.ID}}' "$1" 2>/dev/null)
  if [ -z "$before" ] || [ "$2" = yes ]; then
    docker pull "$1" || exit 1
  fi
  set -- "$1" $(docker image inspect --format '{{.Architecture}} {{.ID}} {{range .RepoDigests}} {{.}}{{end}}' "$1") || exit 1
  [ "$2" = "$arch" ] || unsupported "image $1 is for $2, this machine is $arch"
  reference=$1 id=$3
  value id "$id"
  shift 3
  value digests "$*"
  [ "$before" = "$id" ] && exit 10
  exit 0
}

# patiently COMMAND… repeats a command while another package manager is at work.
patiently() {
  end=$(($(date +%s) + 600))
  while :; do
    out=$("$@" 2>&1)
    code=$?
    case $code:$out in
    0:*) ;;
    *"Could not get lock"* | *"Unable to lock"* | *"Unable to acquire"* | *"frontend lock was locked"* | *"is another process using it"*)
      if [ "$(date +%s)" -lt "$end" ]; then
        printf 'waiting for another package manager\n'
        sleep 1
        continue
      fi
      ;;
    esac
    printf '%s\n' "$out"
    return $code
  done
}

apt() {
  apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o APT::Get::Fix-Missing=false "$@"
}

# install_packages NAME…
install_packages() {
  have apt-get && have dpkg-query || unsupported "there is no apt-get"
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none
  for name; do
    shift
    [ "$(dpkg-query -W -f '${db:Status-Status}' -- "$name" 2>/dev/null)" = installed ] || set -- "$@" "$name"
  done
  [ $# -gt 0 ] || exit 10
  # An installation that was cut short is finished first.
  if [ -n "$(dpkg --audit 2>/dev/null)" ] || [ -n "$(ls /var/lib/dpkg/updates 2>/dev/null)" ]; then
    patiently dpkg --configure -a --force-confdef --force-confold && apt -f install || exit 1
  fi
  apt-cache show "$@" >/dev/null 2>&1 || patiently apt-get -q update || exit 1
  # An index that is out of date names files that are gone.
  apt install "$@" || { patiently apt-get -q update && apt install "$@"; } || exit 1
}
