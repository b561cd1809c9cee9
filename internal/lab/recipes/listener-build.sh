#!/bin/sh
# Makes the root file system of the listener image: BusyBox and one page.
# mmdebstrap runs it as an extract hook: $1 is a tree with Debian's static
# BusyBox, $2 the tar file to write.
set -eu
image=$1/image
mkdir -p "$image"/bin "$image"/etc "$image"/tmp "$image"/www
chmod 1777 "$image"/tmp
busybox=$1/usr/bin/busybox
cp "$busybox" "$image"/bin/busybox
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$image"/bin/"$applet"
done
echo 'root:x:0:0:root:/:/bin/sh' > "$image"/etc/passwd
echo 'root:x:0:' > "$image"/etc/group
echo 'the lab is listening' > "$image"/www/index.html
tar --create --file="$2" --directory="$image" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
