#!/bin/sh
# Makes the root file system of an image that is a BusyBox and a few programs,
# as those of Prometheus and Caddy are. mmdebstrap runs it as an extract hook:
# $1 is a tree with Debian's static BusyBox and the programs' packages, the last
# argument the tar file to write. Those between say what comes into the image:
#
#   copy FROM TO   a file, FROM in the tree or, without a slash, beside this script
#   make DIR       a directory
#   data DIR       a directory that belongs to nobody
#   bind FILE      FILE, already in the image, may listen on ports below 1024
#   flag WORD      what the programs print their version by, at first --version
#   says FILE TEXT FILE's version must contain TEXT
set -eu
beside=$(dirname "$0")
root=$1
shift
image=$root/image
for dir in bin sbin lib lib64; do
	[ -e "$root/$dir" ] || ln -s usr/$dir "$root/$dir"
done
mkdir -p "$image"/bin "$image"/etc/ssl/certs "$image"/home "$image"/lib64 "$image"/root "$image"/tmp \
	"$image"/usr/bin "$image"/usr/lib/x86_64-linux-gnu
ln -s usr/lib "$image"/lib
chmod 1777 "$image"/tmp
chmod 0700 "$image"/root
busybox=$root/usr/bin/busybox
cp "$busybox" "$image"/bin/busybox
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$image"/bin/"$applet"
done
cat > "$image"/etc/passwd <<'EOF'
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/home:/bin/false
EOF
cat > "$image"/etc/group <<'EOF'
root:x:0:
nobody:x:65534:
EOF
echo 'hosts: files dns' > "$image"/etc/nsswitch.conf
cat "$root"/usr/share/ca-certificates/mozilla/*.crt > "$image"/etc/ssl/certs/ca-certificates.crt

flag=--version
while [ $# -gt 1 ]; do
	word=$1
	shift
	case $word in
	copy)
		case $1 in
		*/*) from=$root$1 ;;
		*) from=$beside/$1 ;;
		esac
		mkdir -p "$image$(dirname "$2")"
		cp "$from" "$image$2"
		if chroot "$root" /lib64/ld-linux-x86-64.so.2 --verify "/image$2"; then
			chroot "$root" /lib64/ld-linux-x86-64.so.2 --list "/image$2" |
				sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | while read -r library; do
				cp -L "$root$library" "$image"/usr/lib/x86_64-linux-gnu/
			done
			cp -L "$root"/lib64/ld-linux-x86-64.so.2 "$image"/lib64/
		fi
		shift 2
		;;
	make)
		mkdir -p "$image$1"
		shift
		;;
	data)
		mkdir -p "$image$1"
		chown 65534:65534 "$image$1"
		shift
		;;
	bind)
		chroot "$root" /usr/sbin/setcap cap_net_bind_service=+ep "/image$1"
		shift
		;;
	flag)
		flag=$1
		shift
		;;
	says)
		# The tag of the image names a version: another one is not that image.
		chroot "$image" "$1" "$flag" 2>&1 | grep -F -q -e "$2" || {
			echo "$1 is not of version $2: $(chroot "$image" "$1" "$flag" 2>&1)" >&2
			exit 1
		}
		shift 2
		;;
	*)
		echo "unknown word $word" >&2
		exit 1
		;;
	esac
done
tar --create --file="$1" --directory="$image" --sort=name --mtime=@0 --numeric-owner \
	--xattrs --xattrs-include='security.capability' .
