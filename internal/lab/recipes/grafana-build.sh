#!/bin/sh
# Makes the root file system of the image that stands in for Grafana's: a
# BusyBox, as that of Alpine, the entry script and the program. mmdebstrap runs
# it as an extract hook: $1 is a tree with Debian's static BusyBox, $2 the tar
# file to write. The script and the program lie beside this one.
set -eu
beside=$(dirname "$0")
image=$1/image
home=$image/usr/share/grafana
mkdir -p "$image"/bin "$image"/etc/grafana "$image"/tmp "$home"/bin "$home"/conf
chmod 1777 "$image"/tmp
busybox=$1/usr/bin/busybox
cp "$busybox" "$image"/bin/busybox
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$image"/bin/"$applet"
done
install -m 0755 "$beside"/grafana "$home"/bin/grafana
install -m 0755 "$beside"/run.sh "$image"/run.sh
echo 'root:x:0:0:root:/root:/bin/sh' > "$image"/etc/passwd
echo 'grafana:x:472:0:Linux User,,,:/usr/share/grafana:/sbin/nologin' >> "$image"/etc/passwd
echo 'root:x:0:' > "$image"/etc/group
echo '; every setting is a variable' > "$image"/etc/grafana/grafana.ini
for dir in var/lib/grafana var/lib/grafana/plugins var/log/grafana \
	etc/grafana/provisioning/datasources etc/grafana/provisioning/dashboards \
	etc/grafana/provisioning/plugins etc/grafana/provisioning/alerting \
	etc/grafana/provisioning/access-control; do
	mkdir -p "$image/$dir"
done
for dir in var/lib/grafana var/log/grafana etc/grafana/provisioning; do
	chown -R 472:0 "$image/$dir"
	chmod -R 777 "$image/$dir"
done
tar --create --file="$2" --directory="$image" --sort=name --mtime=@0 --numeric-owner .
