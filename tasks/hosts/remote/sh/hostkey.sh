# A host key of the machine's own, beside those that it was born with.

host_key=/etc/ssh/torrust_tracker_deployer_host_key
host_key_config=/etc/ssh/sshd_config.d/00-torrust-tracker-deployer.conf
host_key_timer=torrust-tracker-deployer-revert-sshd

# make_host_key makes the key unless it is there and prints its public half.
make_host_key() {
  if [ ! -s "$host_key" ] || [ ! -s "$host_key.pub" ]; then
    rm -f -- "$host_key.new" "$host_key.new.pub"
    ssh-keygen -q -t ed25519 -N '' -C "$(uname -n)" -f "$host_key.new" &&
      sync -- "$host_key.new" "$host_key.new.pub" &&
      mv -f -- "$host_key.new" "$host_key" && mv -f -- "$host_key.new.pub" "$host_key.pub" && sync -- /etc/ssh || exit 1
  fi
  cat -- "$host_key.pub"
}

# use_host_key makes sshd show that key alone. Unless confirm_host_key follows
# within two minutes over a connection that saw it, sshd goes back.
use_host_key() {
  grep -Eqi '^[[:space:]]*Include[[:space:]]+/etc/ssh/sshd_config\.d/\*\.conf' /etc/ssh/sshd_config ||
    { printf 'sshd does not include /etc/ssh/sshd_config.d/*.conf\n'; exit 12; }
  # A new instance id must not make cloud-init bring back the injected key.
  if [ -d /etc/cloud/cloud.cfg.d ]; then
    printf 'ssh_deletekeys: false\nssh_genkeytypes: []\nssh_keys: {}\n' | store /etc/cloud/cloud.cfg.d/99-torrust-tracker-deployer.cfg 644 || exit 1
  fi
  [ -s "$host_key_config" ] && [ ! -e "$host_key.pending" ] && exit 10
  : >"$host_key.pending"
  if [ -d /run/systemd/system ]; then
    systemctl -q stop "$host_key_timer.timer" 2>/dev/null
    systemctl -q reset-failed "$host_key_timer.timer" "$host_key_timer.service" 2>/dev/null
    systemd-run -q --collect --unit="$host_key_timer" --on-active=120 --timer-property=AccuracySec=1s \
      /bin/sh -c "[ ! -e $host_key.pending ] || { rm -f $host_key_config $host_key.pending; systemctl reload ssh; }" || exit 1
  fi
  printf 'HostKey %s\n' "$host_key" | store "$host_key_config" 644 || exit 1
  if ! "$(command -v sshd)" -t; then
    rm -f -- "$host_key_config" "$host_key.pending"
    exit 1
  fi
  # Started for each connection, sshd needs no reload.
  [ ! -d /run/systemd/system ] || ! systemctl -q is-active ssh.service || systemctl reload ssh.service
}

confirm_host_key() {
  [ -s "$host_key_config" ] || die "sshd went back to its old host key"
  rm -f -- "$host_key.pending" && sync -- /etc/ssh
  [ ! -d /run/systemd/system ] || systemctl -q stop "$host_key_timer.timer" 2>/dev/null
  exit 0
}
