# The runner: answers batches until there is none for 60 seconds.
# A batch is a header of 44 bytes ("SIZE NONCE\n": 10 digits and 32 letters), a
# script of SIZE bytes and the payloads that its steps take, in their order. Size
# 0 only keeps the runner alive. The answer is pieces of output, each ended by
# a line that begins with the nonce.

locked= key= failed= now=

mark() {
  printf '\n%s' "$nonce"
  printf ' %s' "$@"
  printf '\n'
}

# feed LENGTH COMMAND… runs a command with a payload as its stdin, and takes
# the rest of the payload when the command leaves some.
feed() {
  length=$1
  shift
  if [ "$length" -eq 0 ]; then
    ( "$@" ) </dev/null 9>&-
  else
    take "$length" | { ( "$@" ) 9>&-; code=$?; cat >/dev/null; exit "$code"; }
  fi
}

# step NUMBER LENGTH TEXT COMMAND… carries out an operation, unless one before
# it failed.
step() {
  number=$1 length=$2 text=$3
  shift 3
  if [ -n "$failed" ]; then
    [ "$length" -eq 0 ] || take "$length" >/dev/null
    return
  fi
  feed "$length" "$@" 2>&1
  code=$?
  case $code in
  0) audit "$text" changed ;;
  10) ;;
  *) failed=1; audit "$text" "went wrong" ;;
  esac
  mark step "$number" "$code"
}

audit() {
  [ -d "$state" ] || return 0
  [ -n "$now" ] || now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  printf '%s %s %s: %s\n' "$now" "$environment" "$1" "$2" 2>/dev/null >>"$state/audit.log" || :
}

# need_key reads the key of the machine, or makes one up that lock will keep.
need_key() {
  [ -n "$key" ] && return
  [ -r "$state/key" ] && read -r key <"$state/key"
  [ -n "$key" ] || {
    sum=$(head -c 32 /dev/urandom | sha256sum)
    key=${sum%% *}
  }
}

# lock WHO takes the machine for this run and answers free, held or busy.
lock() {
  [ -z "$locked" ] || { mark lock free; return; }
  if ! error=$( { mkdir -p -- "$state" && : >>"$state/lock" && : >>"$state/lock.work"; } 2>&1 ); then
    printf '%s' "$error"
    mark lock impossible
    return
  fi
  while :; do
    exec 9>>"$state/lock"
    flock -w 2 9 || { cat -- "$state/lock"; exec 9>&-; mark lock held; return; }
    # Whoever removed the directory meanwhile took our lock with it.
    [ "$state/lock" -ef /dev/fd/9 ] && break
    exec 9>&-
    mkdir -p -- "$state"
  done
  if ! flock -w 2 "$state/lock.work" true 9>&-; then
    exec 9>&-
    mark lock busy
    return
  fi
  locked=1
  printf 'pid %s, %s, since %s' "$$" "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$state/lock"
  need_key
  [ -e "$state/audit.log" ] || ( umask 027; : >>"$state/audit.log" )
  [ -s "$state/key" ] || printf '%s\n' "$key" | store "$state/key" 600
  mark lock free
}

while :; do
  header=$(take 44)
  [ "${#header}" -eq 43 ] || exit 0
  size=${header%% *} nonce=${header##* }
  [ "$size" -gt 0 ] || continue
  script=$(take "$size")
  [ "${#script}" -eq "$size" ] || exit 0
  failed= now=
  eval "$script"
  mark end
done
