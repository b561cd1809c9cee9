#!/bin/sh
# Turns a plain Debian tree into a cloud image that boots fast, above all on
# an emulated processor: there every program that starts, every device that
# udev looks at and every byte to unpack is what takes the time. mmdebstrap
# runs it as a customize hook; $1 is the tree, $2 the UUID of the root file
# system.
set -eu
root=$1
uuid=$2

# A cloned disk must not share identity: the machine makes its own on first boot.
rm -f "$root"/etc/ssh/ssh_host_* "$root"/var/lib/dbus/machine-id
: > "$root"/etc/machine-id
echo localhost > "$root"/etc/hostname

# The boot loader passes all that the root file system needs.
: > "$root"/etc/fstab
mkdir -p "$root"/boot/grub
cat > "$root"/boot/grub/grub.cfg <<EOF
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
linux /vmlinuz root=UUID=$uuid rootfstype=ext4 rootflags=noatime rw net.ifnames=0 console=ttyS0 loglevel=5 \\
	mitigations=off no5lvl lsm=yama cryptomgr.notests rcupdate.rcu_expedited=1 8250.nr_uarts=1
initrd /initrd.img
boot
EOF

# Modules and the boot image.
chroot "$root" sh -eu -c '
	find /lib/modules -name "*.ko.xz" -exec xz --decompress {} +
	for version in $(ls /lib/modules); do depmod "$version"; done
	update-tirfs'
cat > "$root"/etc/modprobe.d/lab.conf <<'EOF'
blacklist kvm_amd
blacklist kvm_intel
blacklist ccp
blacklist acpi_cpufreq
blacklist powernow_k8
blacklist aesni_intel
blacklist ghash_clmulni_intel
blacklist psmouse
EOF

# Settings come from a NoCloud seed or not at all, so nothing has to be
# detected, and modules that no seed of ours uses are not loaded.
cat > "$root"/etc/cloud/cloud.cfg.d/90-lab.cfg <<'EOF'
datasource_list: [NoCloud, None]
ssh_genkeytypes: [ed25519]
system_info: {network: {renderers: [networkd]}}
cloud_init_modules: [seed_random, bootcmd, write-files, growpart, resizefs, disk_setup, mounts,
  set_hostname, update_hostname, update_etc_hosts, ca-certs, users-groups, ssh]
cloud_config_modules: [set-passwords, apt-configure, ntp, timezone, runcmd]
cloud_final_modules: [package-update-upgrade-install, write-files-deferred, scripts-per-once,
  scripts-per-boot, scripts-per-instance, scripts-user, final-message, power-state-change]
EOF

units=$root/etc/systemd/system
mkdir -p "$root"/etc/systemd/system-generators "$units"/systemd-udev-trigger.service.d
for generator in "$root"/usr/lib/systemd/system-generators/*; do
	case ${generator##*/} in
	systemd-fstab-generator | systemd-getty-generator) ;;
	*) ln -s /dev/null "$root/etc/systemd/system-generators/${generator##*/}" ;;
	esac
done
# What the generator of cloud-init would decide at every boot.
mkdir -p "$units"/multi-user.target.wants
ln -s /usr/lib/systemd/system/cloud-init.target "$units"/multi-user.target.wants/

# Of 330 devices only these matter to a virtual machine.
cat > "$units"/systemd-udev-trigger.service.d/lab.conf <<'EOF'
[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add --subsystem-match=block --subsystem-match=net --subsystem-match=pci --subsystem-match=virtio --subsystem-match=input --subsystem-match=scsi
ExecStart=-udevadm trigger --action=add --subsystem-match=tty --sysname-match=ttyS* --sysname-match=hvc*
ExecStart=-udevadm trigger --action=add --subsystem-match=acpi --sysname-match=LNXPWRBN*
EOF

chroot "$root" systemctl enable systemd-networkd.service systemd-resolved.service
chroot "$root" systemctl disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
	e2scrub_all.timer e2scrub_reap.service fstrim.timer getty@tty1.service systemd-pstore.service
if [ -e "$root"/usr/lib/systemd/system/unattended-upgrades.service ]; then
	chroot "$root" systemctl disable unattended-upgrades.service
fi
chroot "$root" systemctl mask dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
	sys-kernel-debug.mount sys-kernel-tracing.mount modprobe@configfs.service modprobe@drm.service \
	modprobe@efi_pstore.service modprobe@fuse.service proc-sys-fs-binfmt_misc.automount \
	systemd-binfmt.service systemd-network-generator.service systemd-udev-load-credentials.service

# The last step: /etc and /var are as new as /usr, nothing has to be derived.
touch "$root"/etc/.updated "$root"/var/.updated
