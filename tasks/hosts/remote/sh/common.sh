# What the runner and the long sessions share. Run by a POSIX sh as root.
# Exit codes of operations: 0 changed, 10 unchanged, 11 changed since the
# plan, 12 not supported here; anything else went wrong, and what was printed
# says how.

export LC_ALL=C
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
umask 022
unset SUDO_COMMAND SUDO_USER SUDO_UID SUDO_GID CDPATH ENV

have() { command -v "$1" >/dev/null 2>&1; }

# take N passes on exactly N bytes; silence ends it.
take() { timeout 60 head -c "$1"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# digest prints the digest of stdin.
digest() { sha256sum | { read -r sum rest; printf '%s' "$sum"; }; }

# keyed prints the digest of stdin under the key of the machine.
keyed() { { printf '%s' "$key"; cat; } | digest; }

# kind PATH prints what is there, "" for nothing.
kind() {
  if [ -L "$1" ]; then printf link
  elif [ -f "$1" ]; then printf file
  elif [ -d "$1" ]; then printf directory
  elif [ -e "$1" ]; then printf other
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
  rm -f -- "$directory/.torrust-tracker-deployer.new" &&
    ( umask 077; set -C; cat >"$directory/.torrust-tracker-deployer.new" ) &&
    chmod -- "$2" "$directory/.torrust-tracker-deployer.new" &&
    sync -- "$directory/.torrust-tracker-deployer.new" &&
    mv -fT -- "$directory/.torrust-tracker-deployer.new" "$1" &&
    sync -- "$directory"
}
