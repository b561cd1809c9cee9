#!/bin/sh
# Loads and reverts the tables of the firewall. Written by torrust-tracker-deployer;
# its unit runs "boot", a timer runs "revert TABLE".
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
cd /var/lib/torrust-tracker-deployer/firewall || exit 1

load() {
  { printf 'table inet %s {}\ndelete table inet %s\n' "$1" "$1"; cat -- "$2"; } | nft -f -
}

# revert TABLE goes back to the rules before a change that nobody confirmed.
revert() {
  mv -- "$1.pending" "$1.reverting" 2>/dev/null || [ -e "$1.reverting" ] || return 0
  read -r path <"$1.path" || return 1
  if [ -s "$1.before" ]; then
    cp -- "$1.before" "$path.new" && chmod 644 "$path.new" && sync -- "$path.new" && mv -f -- "$path.new" "$path" && load "$1" "$path" || return 1
  else
    rm -f -- "$path"
    nft delete table inet "$1" 2>/dev/null
  fi
  : >"$1.reverted"
  sync -- "$1.reverted"
  rm -f -- "$1.reverting" "$1.before"
}

# boot loads every table; a change from before this boot was not confirmed.
boot() {
  read -r boot </proc/sys/kernel/random/boot_id
  code=0
  for file in *.path; do
    [ -e "$file" ] || continue
    table=${file%.path}
    made=
    [ -r "$table.pending" ] && read -r made <"$table.pending"
    [ -e "$table.pending" ] && [ "$made" != "$boot" ] && revert "$table"
    [ -e "$table.reverting" ] && revert "$table"
    read -r path <"$file"
    [ ! -e "$path" ] || load "$table" "$path" || code=1
  done
  return $code
}

"$@"
