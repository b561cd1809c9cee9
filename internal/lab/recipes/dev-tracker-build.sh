#!/bin/sh
# Makes the root file system of the image that stands in for
# torrust/tracker:develop: a BusyBox, as that of distroless' debug variant, and
# one program under the names of three. mmdebstrap runs it as an extract hook:
# $1 is a tree with Debian's static BusyBox, $2 the tar file to write. The
# program lies beside this script.
set -eu
beside=$(dirname "$0")
image=$1/image
mkdir -p "$image"/bin "$image"/busybox "$image"/etc/torrust/tracker "$image"/home/torrust "$image"/root "$image"/tmp \
	"$image"/usr/bin "$image"/usr/local/bin "$image"/var/lib/torrust/tracker "$image"/var/log/torrust/tracker
chmod 1777 "$image"/tmp
busybox=$1/usr/bin/busybox
cp "$busybox" "$image"/busybox/busybox
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$image"/busybox/"$applet"
done
for applet in sh cat ls env; do
	ln -s /busybox/"$applet" "$image"/bin/"$applet"
done
install -m 0755 "$beside"/standin "$image"/usr/bin/torrust-tracker
ln -s torrust-tracker "$image"/usr/bin/http_health_check
ln -s ../../bin/torrust-tracker "$image"/usr/local/bin/entry.sh
cat > "$image"/etc/passwd <<'END'
root:x:0:0:root:/root:/sbin/nologin
torrust:x:1000:1000::/home/torrust:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
END
printf 'root:x:0:\ntorrust:x:1000:\nnobody:x:65534:\n' > "$image"/etc/group
tar --create --file="$2" --directory="$image" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
