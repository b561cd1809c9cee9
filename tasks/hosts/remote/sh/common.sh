# What the runner and the long sessions share. Run by a POSIX sh as root.
# Exit codes of operations: 0 changed, 10 unchanged, 11 changed since the
# plan, 12 not supported here; anything else went wrong, and what was printed
# says how.

export LC_ALL=C
# Our own tools are found at the first try; a user's command gets login_path.
[ -n "$login_path" ] || export login_path="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH="/usr/bin:/bin:/usr/sbin:/sbin:$login_path"
umask 022
unset SUDO_COMMAND SUDO_USER SUDO_UID SUDO_GID CDPATH ENV

have() { command -v "$1" >/dev/null 2>&1; }

# take N passes on exactly N bytes; silence ends it.
take() { timeout 60 head -c "$1"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# digest sets sum to the digest of stdin.
digest() {
  sum=$(sha256sum) && sum=${sum%% *}
}

# keyed sets sum to the digest of stdin under the key of the machine.
keyed() {
  sum=$({ printf '%s' "$key"; cat; } | sha256sum) && sum=${sum%% *}
}

# kind PATH sets is to what is there, "" for nothing.
kind() {
  is=
  if [ -L "$1" ]; then is=link
  elif [ -f "$1" ]; then is=file
  elif [ -d "$1" ]; then is=directory
  elif [ -e "$1" ]; then is=other
  fi
}

# own PATH MODE OWNER GROUP sets mode and owner; 10 when they were those.
own() {
  set -- "$1" "$2" "$3" "$4" $(stat -c '%a %U %G %u %g' -- "$1") || exit 1
  { [ "$3" = "$6" ] || [ "$3" = "$8" ]; } && { [ "$4" = "$7" ] || [ "$4" = "$9" ]; } && [ "$2" = "$5" ] && return 10
  chown -- "$3:$4" "$1" && chmod -- "$2" "$1" || exit 1
}

# parents PATH makes the directories above PATH.
parents() {
  directory=${1%/*}
  [ -n "$directory" ] || directory=/
  [ -d "$directory" ] || mkdir -p -- "$directory" || exit 1
}

# store PATH MODE makes PATH a file of root with the bytes of stdin.
store() {
  parents "$1"
  install -m "$2" -o root -g root -- /dev/stdin "$directory/.torrust-tracker-deployer.new" &&
    sync -- "$directory/.torrust-tracker-deployer.new" &&
    mv -fT -- "$directory/.torrust-tracker-deployer.new" "$1"
}
