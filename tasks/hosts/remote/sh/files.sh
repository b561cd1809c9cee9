# Operations on files and the kernel.

# write_file PATH MODE OWNER GROUP SIZE INPLACE REPLACES, content on stdin.
# REPLACES is "any" or "=VERSION". The file is synced before it is renamed; the
# rename itself is in the journal of the file system in its turn.
write_file() {
  path=$1 mode=$2 owner=$3 group=$4 size=$5 inplace=$6 replaces=$7
  kind "$path"
  parents "$path"
  new=$directory/.torrust-tracker-deployer.new
  trap 'rm -f -- "$new"' EXIT
  install -m "$mode" -o "$owner" -g "$group" -- /dev/stdin "$new" || exit 1
  [ "$(stat -c %s -- "$new")" = "$size" ] || die "the connection ended in the middle"
  if [ "$is" = file ]; then
    digest <"$path" || exit 1
    there=$sum
    digest <"$new" || exit 1
    if [ "$there" = "$sum" ]; then
      own "$path" "$mode" "$owner" "$group"
      exit
    fi
  fi
  case $is:$replaces in
  *:any) ;;
  file:=s:*) [ "=s:$there" = "$replaces" ] || exit 11 ;;
  file:=k:*)
    keyed <"$path"
    [ "=k:$sum" = "$replaces" ] || exit 11
    ;;
  *) [ "=$is" = "$replaces" ] || exit 11 ;;
  esac
  [ "$is" = directory ] && die "is a directory"
  if [ "$inplace" = yes ] && [ "$is" = file ]; then
    cat -- "$new" >"$path" && sync -- "$path" || exit 1
    own "$path" "$mode" "$owner" "$group"
    exit 0
  fi
  sync -- "$new" && mv -fT -- "$new" "$path" || exit 1
  trap - EXIT
}

# make_directory PATH MODE OWNER GROUP ONCE
make_directory() {
  if [ -d "$1" ]; then
    [ "$5" = yes ] && exit 10
    own "$1" "$2" "$3" "$4"
    exit
  fi
  kind "$1"
  [ -z "$is" ] || die "there is a file of that name"
  parents "$1"
  # It has another name until it has its owner: with ONCE nobody looks again.
  new=$directory/.torrust-tracker-deployer.dir
  rm -rf -- "$new" && mkdir -- "$new" && chown -- "$3:$4" "$new" && chmod -- "$2" "$new" && mv -T -- "$new" "$1"
}

remove() {
  kind "$1"
  [ -n "$is" ] || exit 10
  rm -rf --one-file-system -- "$1"
}

# move FROM TO
move() {
  kind "$1"
  [ -n "$is" ] || exit 10
  kind "$2"
  case $is in
  '') ;;
  directory) rmdir -- "$2" 2>/dev/null || die "there is something at $2 already" ;;
  *) die "there is something at $2 already" ;;
  esac
  parents "$2"
  mv -T -- "$1" "$2"
}

load_module() {
  module=$(printf '%s' "$1" | tr - _)
  [ -d "/sys/module/$module" ] && exit 10
  have modprobe || { printf 'there is no modprobe\n'; exit 12; }
  modprobe -- "$1"
}

# set_sysctl PATH VALUE … sets parameters below /proc/sys.
set_sysctl() {
  did=10
  while [ $# -gt 0 ]; do
    [ -e "/proc/sys/$1" ] || die "the kernel has no parameter $1"
    was=$(cat "/proc/sys/$1") || exit 1
    # Words are compared: the kernel separates them by tabs.
    if [ "$(echo $was)" != "$2" ]; then
      printf '%s\n' "$2" >"/proc/sys/$1" || die "the kernel does not take $2 for $1"
      did=0
    fi
    shift 2
  done
  exit $did
}

# unit_state NAME sets load, enabled, active and stale.
unit_state() {
  load= enabled=no active=no stale=
  while read -r property; do
    case $property in
    LoadState=*) load=${property#*=} ;;
    UnitFileState=enabled | UnitFileState=enabled-runtime | UnitFileState=static | UnitFileState=alias | UnitFileState=indirect | UnitFileState=generated) enabled=yes ;;
    ActiveState=active | ActiveState=reloading) active=yes ;;
    NeedDaemonReload=yes) stale=yes ;;
    esac
  done <<LIST
$(systemctl show -p LoadState,UnitFileState,ActiveState,NeedDaemonReload -- "$1")
LIST
}

# set_unit NAME ENABLED ACTION
set_unit() {
  have systemctl && [ -d /run/systemd/system ] || { printf 'there is no systemd\n'; exit 12; }
  unit_state "$1"
  # Reading everything again takes systemd long: only where there is news.
  if [ -n "$stale" ] || [ "$load" != loaded ]; then
    systemctl daemon-reload || exit 1
    unit_state "$1"
  fi
  [ "$load" = loaded ] || die "unit $1 not found"
  did=10
  if [ "$enabled" != "$2" ]; then
    verb=disable
    [ "$2" = yes ] && verb=enable
    systemctl -q "$verb" -- "$1" || exit 1
    did=0
  fi
  case $3:$active in
  :* | start:yes | stop:no) exit $did ;;
  esac
  if ! systemctl "$3" -- "$1"; then
    systemctl --no-pager --lines=10 status -- "$1" >&2
    die "unit $1: $3 went wrong"
  fi
}

# save_release DIRECTORY KEEP
save_release() {
  root=$state/releases did=10 newest=0
  ( umask 077; mkdir -p -- "$root/.new" ) && rm -rf -- "$root/.new" && ( umask 077; mkdir -- "$root/.new" ) || exit 1
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    kind "$entry"
    [ -n "$is" ] && [ "$entry" != "$1/data" ] || continue
    cp -a -- "$entry" "$root/.new/" || exit 1
  done
  count=0
  for n in $(releases); do newest=$n count=$((count + 1)); done
  if [ "$newest" -eq 0 ] || ! diff -rq -- "$root/$newest" "$root/.new" >/dev/null; then
    newest=$((newest + 1)) count=$((count + 1)) did=0
    find "$root/.new" -type f -exec sync -- {} + && mv -T -- "$root/.new" "$root/$newest" && sync -- "$root" || exit 1
  else
    rm -rf -- "$root/.new"
  fi
  for n in $(releases); do
    [ "$2" -gt 0 ] && [ "$count" -gt "$2" ] || break
    rm -rf -- "$root/$n" || exit 1
    count=$((count - 1)) did=0
  done
  printf 'release %s\n' "$newest"
  exit $did
}

# releases prints the numbers of the releases, lowest first.
releases() {
  for at in "$state"/releases/[0-9]*; do
    case ${at##*/} in
    *[!0-9]*) ;;
    *) [ -d "$at" ] && printf '%s\n' "${at##*/}" ;;
    esac
  done | sort -n
}
