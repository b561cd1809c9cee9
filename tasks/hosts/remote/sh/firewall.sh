# The firewall. A table TABLE has these files in $state/firewall:
#   TABLE.path      where its rules are kept for the next boot
#   TABLE.pending   a change that nobody confirmed yet; holds the boot id
#   TABLE.before    the rules before that change, empty = there were none
#   TABLE.reverted  the last change was taken back
# and guard.sh, which systemd runs to load and to revert.

timer_of() { printf 'torrust-tracker-deployer-revert-%s' "$1"; }

boot_id() {
  read -r boot </proc/sys/kernel/random/boot_id
  printf '%s' "$boot"
}

# keep PATH MODE TEXT writes a file that says something else; 10 when it did not.
keep() {
  [ -f "$1" ] && [ "$(cat -- "$1"; printf .)" = "$3." ] && return 10
  printf '%s' "$3" | store "$1" "$2"
}

# whole TABLE prints rules of stdin as one transaction that replaces the table.
whole() {
  printf 'table inet %s {}\ndelete table inet %s\n' "$1" "$1"
  cat
}

# apply_firewall TABLE PATH SECONDS UNIT GUARD SERVICE DROPIN, rules on stdin
apply_firewall() {
  table=$1 path=$2 seconds=$3 unit=$4
  have nft && have systemd-run && [ -d /run/systemd/system ] || { printf 'nft and systemd are needed\n'; exit 12; }
  files=$state/firewall/$table
  ( umask 077; mkdir -p -- "$state/firewall" ) && store "$files.wanted" 600 || exit 1
  whole "$table" <"$files.wanted" | nft -c -f - || exit 1
  changed=
  keep "$state/firewall/guard.sh" 700 "$5" && changed=yes
  keep "/etc/systemd/system/$unit" 644 "$6" && changed=yes
  keep "/etc/systemd/system/docker.service.d/torrust-tracker-deployer-firewall.conf" 644 "$7" && changed=yes
  if [ -n "$changed" ]; then
    systemctl daemon-reload && systemctl -q enable "$unit" || exit 1
  fi
  [ -e "$files.reverting" ] && { sh "$state/firewall/guard.sh" revert "$table" || exit 1; }
  if [ ! -e "$files.pending" ]; then
    if [ -z "$changed" ] && as_wanted; then
      rm -f -- "$files.wanted" "$files.reverted"
      exit 10
    fi
    if [ -f "$path" ]; then cat -- "$path"; else nft -s list table inet "$table" 2>/dev/null; fi | store "$files.before" 600 || exit 1
  fi
  timer=$(timer_of "$table")
  systemctl -q stop "$timer.timer" "$timer.service" 2>/dev/null
  systemctl -q reset-failed "$timer.timer" "$timer.service" 2>/dev/null
  printf '%s\n' "$path" | store "$files.path" 600 &&
    boot_id | store "$files.pending" 600 &&
    systemd-run -q --collect --unit="$timer" --on-active="$seconds" --timer-property=AccuracySec=100ms \
      /bin/sh "$state/firewall/guard.sh" revert "$table" &&
    store "$path" 644 <"$files.wanted" &&
    whole "$table" <"$path" | nft -f - || exit 1
  rm -f -- "$files.wanted" "$files.reverted"
  systemctl -q is-active "$unit" || systemctl start "$unit"
}

# as_wanted tells whether the live table and the kept file are the wanted ones.
as_wanted() {
  [ -f "$path" ] && [ "$(cat -- "$path")" = "$(cat -- "$files.wanted")" ] || return 1
  live=$(nft -s list table inet "$table" 2>/dev/null) || return 1
  want=$(whole "$table" <"$files.wanted" | unshare -n sh -c 'nft -f - && exec nft -s list table inet "$1"' sh "$table") || return 1
  [ "$live" = "$want" ]
}

# confirm_firewall TABLE
confirm_firewall() {
  files=$state/firewall/$1
  [ ! -e "$files.reverted" ] && [ ! -e "$files.reverting" ] ||
    die "the change was not confirmed in time and the rules before it are back"
  # Whoever renames the marker first has it: the timer or we.
  mv -- "$files.pending" "$files.confirmed" 2>/dev/null || exit 10
  sync -- "$state/firewall"
  timer=$(timer_of "$1")
  systemctl -q stop "$timer.timer" 2>/dev/null
  rm -f -- "$files.confirmed" "$files.before"
}

# drop_firewall TABLE UNIT
drop_firewall() {
  files=$state/firewall/$1
  [ -e "$files.path" ] || nft list table inet "$1" >/dev/null 2>&1 || exit 10
  timer=$(timer_of "$1")
  systemctl -q stop "$timer.timer" "$timer.service" 2>/dev/null
  rm -f -- "$files.pending" "$files.reverting"
  if [ -r "$files.path" ]; then
    read -r path <"$files.path"
    rm -f -- "$path" || exit 1
  fi
  others=
  for at in "$state"/firewall/*.path; do
    [ "$at" = "$files.path" ] || [ ! -e "$at" ] || others=yes
  done
  if [ -z "$others" ]; then
    # Docker lets go of the unit before it stops, or it would stop with it.
    rm -f -- /etc/systemd/system/docker.service.d/torrust-tracker-deployer-firewall.conf
    rmdir /etc/systemd/system/docker.service.d 2>/dev/null
    systemctl daemon-reload
    systemctl -q disable --now "$2" 2>/dev/null
    rm -f -- "/etc/systemd/system/$2" "$state/firewall/guard.sh"
    systemctl daemon-reload
  fi
  nft list table inet "$1" >/dev/null 2>&1 && { nft delete table inet "$1" || exit 1; }
  rm -f -- "$files.before" "$files.reverted" "$files.wanted" "$files.confirmed" "$files.path"
  rmdir -- "$state/firewall" 2>/dev/null
  exit 0
}

# connections PATTERN prints what conntrack remembers but lines that match.
connections() {
  have conntrack || exit 0
  for family in ipv4 ipv6; do
    for proto in tcp udp; do
      conntrack -L -f "$family" -p "$proto" 2>/dev/null
    done
  done | grep -Ev "$1" | head -c 8388608
  have ip && { printf '\n'; ip -o addr show; }
  exit 0
}

# forget FAMILY PROTO SOURCE DESTINATION PORT … deletes entries; "-" is any.
forget() {
  have conntrack || { printf 'there is no conntrack\n'; exit 12; }
  did=10
  while [ $# -gt 0 ]; do
    family=$1 proto=$2 port=$5
    source=
    [ "$3" = - ] || source="--orig-src $3"
    destination=
    [ "$4" = - ] || destination="--orig-dst $4"
    conntrack -D -f "$family" -p "$proto" $source $destination --orig-port-dst "$port" >/dev/null 2>&1 && did=0
    shift 5
  done
  exit $did
}
