#!/bin/sh
# Builds the root file system of the tracker's container image the way the
# tracker's own Containerfile does, from the same sources: the tracker, its
# entry script, its su-exec and its default files come out of the released
# crate. mmdebstrap runs it as a customize hook: $1 is a Debian tree with a
# Rust toolchain, $2 the version of the crate, $3 the tar file to write.
set -eu
root=$1
version=$2
result=$3

# The image gets Debian's own certificates, the build those of this machine,
# which may have to reach the registry of crates through a proxy.
image=$root/image
mkdir -p "$image"/etc/ssl/certs
cp "$root"/etc/ssl/certs/ca-certificates.crt "$image"/etc/ssl/certs/
bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
if [ -r "$bundle" ]; then
	cp "$bundle" "$root"/etc/ssl/certs/ca-certificates.crt
fi
# Settings of the user's own Rust do not hold in here, those of the network do.
for name in $(env | sed -n 's/^\([A-Za-z0-9_]*\)=.*/\1/p'); do
	case $name in
	CARGO_HTTP_* | CARGO_NET_* | CARGO_REGISTR* | CARGO_SOURCE_*) ;;
	CARGO* | RUST* | SSL_* | TMPDIR) unset "$name" ;;
	esac
done
export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
export CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt

# The official image has a complete BusyBox. Debian's lacks adduser and
# install, which the entry script calls, so it is built from Debian's source.
sed 's/^deb /deb-src /' "$root"/etc/apt/sources.list > "$root"/etc/apt/sources.list.d/source.list
chroot "$root" sh -eux -c '
	apt-get update --quiet
	mkdir -p /build/busybox
	cd /build
	apt-get source --quiet --download-only busybox
	tar --extract --file="$(echo busybox_*.orig.tar.*)" --strip-components=1 --directory=busybox
	cd busybox
	make defconfig
	sed -i -e "s/^# CONFIG_STATIC is not set/CONFIG_STATIC=y/" -e "s/^CONFIG_TC=y/# CONFIG_TC is not set/" .config
	make -j"$(nproc)" busybox'

# Debug information and link-time optimisation only cost time here.
chroot "$root" env CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=false \
	CARGO_PROFILE_RELEASE_STRIP=true CARGO_TARGET_DIR=/build/target \
	cargo install torrust-tracker --version "$version" --locked --root /build/tracker \
	--bin torrust-tracker --bin http_health_check
crate=$(chroot "$root" sh -c "echo /root/.cargo/registry/src/*/torrust-tracker-$version")
chroot "$root" gcc -O2 -s -Wall -Werror -o /build/su-exec "$crate"/contrib/dev-tools/su-exec/su-exec.c

# What the base image (distroless, the debug variant) has.
mkdir -p "$image"/bin "$image"/busybox "$image"/home "$image"/lib64 "$image"/root "$image"/tmp \
	"$image"/usr/bin "$image"/usr/lib/x86_64-linux-gnu "$image"/usr/local/bin "$image"/usr/share
chmod 1777 "$image"/tmp
chmod 0700 "$image"/root
cp "$root"/build/busybox/busybox "$image"/busybox/busybox
for applet in $(chroot "$root" /build/busybox/busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "$image"/busybox/"$applet"
done
for applet in sh cat ls env; do
	ln -s /busybox/"$applet" "$image"/bin/"$applet"
done
chroot "$root" ldd /build/tracker/bin/torrust-tracker /build/tracker/bin/http_health_check /build/su-exec |
	sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
	cp -L "$root$library" "$image"/usr/lib/x86_64-linux-gnu/
done
cp -L "$root"/lib64/ld-linux-x86-64.so.2 "$image"/lib64/
cp -L "$root"/etc/os-release "$image"/etc/os-release
cat > "$image"/etc/passwd <<'EOF'
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
EOF
cat > "$image"/etc/group <<'EOF'
root:x:0:
tty:x:5:
staff:x:50:
nonroot:x:65532:
nobody:x:65534:
EOF
echo 'hosts: files dns' > "$image"/etc/nsswitch.conf

# What the tracker's Containerfile adds.
install -m 0555 "$root"/build/su-exec "$image"/bin/su-exec
install -m 0555 "$root$crate"/share/container/entry_script_sh "$image"/usr/local/bin/entry.sh
install -m 0755 "$root"/build/tracker/bin/torrust-tracker "$root"/build/tracker/bin/http_health_check "$image"/usr/bin/
cp -R "$root$crate"/share "$image"/usr/share/torrust
chmod -R u=rwX,go=rX "$image"/usr/share/torrust
mkdir -p "$image"/usr/share/torrust/default/database
chroot "$root" sqlite3 /image/usr/share/torrust/default/database/tracker.sqlite3.db 'VACUUM;'
mkdir -p "$image"/var/lib/torrust/tracker "$image"/var/log/torrust/tracker "$image"/etc/torrust/tracker

tar --create --file="$result" --directory="$image" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
