#!/bin/sh
# Makes the root file system of the MySQL image: Debian's server and clients,
# the libraries that they need, a shell, and the tools that the official image
# has too. mmdebstrap runs it as an extract hook: $1 is a tree of unpacked
# packages, $2 the version that the server has to have, $3 the tar file to write.
set -eu
root=$1
version=$2
result=$3
here=$(dirname "$0")

# What is unpacked only lacks the links that base-files brings.
for link in bin lib lib64 sbin; do
	[ -e "$root/$link" ] || ln -s "usr/$link" "$root/$link"
done
is=$(chroot "$root" /usr/sbin/mysqld --version)
case $is in
*" $version-"* | *" $version "*) ;;
*)
	echo "the packages bring \"$is\", the image is to be version $version: change MySQLVersion" >&2
	exit 1
	;;
esac

image=$root/image
mkdir -p "$image"/etc/mysql/conf.d "$image"/docker-entrypoint-initdb.d "$image"/root "$image"/run/mysqld "$image"/tmp \
	"$image"/usr/bin "$image"/usr/lib/mysql/plugin "$image"/usr/lib/x86_64-linux-gnu "$image"/usr/lib64 "$image"/usr/local/bin \
	"$image"/usr/sbin "$image"/usr/share/mysql "$image"/var/lib/mysql "$image"/var/lib/mysql-files
for link in bin lib lib64 sbin; do
	ln -s "usr/$link" "$image/$link"
done
ln -s ../run "$image"/var/run

programs="usr/sbin/mysqld usr/bin/mysql usr/bin/mysqladmin usr/bin/mysqldump usr/bin/bash usr/bin/find usr/bin/gawk
	usr/bin/grep usr/bin/gzip usr/bin/sed"
# The tools of coreutils that scripts use; the official image has all of them.
for tool in basename cat chmod chown cp cut date dd df dirname du env expr false head id install ln ls mkdir mkfifo mktemp mv nproc od \
	printf readlink rm rmdir sha256sum sleep sort stat sync tail tee test timeout touch tr true uname uniq wc; do
	programs="$programs usr/bin/$tool"
done
for program in $programs; do
	cp -p "$root/$program" "$image/$program"
done
ln -s bash "$image"/usr/bin/sh
ln -s gawk "$image"/usr/bin/awk
cp -p "$root"/usr/sbin/gosu "$image"/usr/local/bin/gosu
# Components and plug-ins of the server, without the large ones that nobody
# loads by accident.
for plugin in "$root"/usr/lib/mysql/plugin/component_*.so "$root"/usr/lib/mysql/plugin/mysql_native_password.so; do
	[ "$(stat -c %s "$plugin")" -gt 1000000 ] || cp -p "$plugin" "$image"/usr/lib/mysql/plugin/
done
cp -R "$root"/usr/share/mysql/charsets "$root"/usr/share/mysql/english "$image"/usr/share/mysql/
cp -p "$root"/usr/share/mysql/dictionary.txt "$image"/usr/share/mysql/

for file in $programs usr/sbin/gosu usr/lib/mysql/plugin/component_keyring_file.so; do
	chroot "$root" /lib64/ld-linux-x86-64.so.2 --list "/$file" 2>/dev/null || true # gosu has no libraries
done | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
	cp -L "$root$library" "$image"/usr/lib/x86_64-linux-gnu/
done
cp -L "$root"/lib64/ld-linux-x86-64.so.2 "$image"/usr/lib64/

# User, settings and directories as the official image has them.
cat > "$image"/etc/passwd <<'END'
root:x:0:0:root:/root:/bin/bash
nobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin
mysql:x:999:999::/var/lib/mysql:/bin/bash
END
cat > "$image"/etc/group <<'END'
root:x:0:
nobody:x:65534:
mysql:x:999:
END
echo 'hosts: files dns' > "$image"/etc/nsswitch.conf
cat > "$image"/etc/my.cnf <<'END'
[mysqld]
skip-name-resolve
datadir=/var/lib/mysql
socket=/var/run/mysqld/mysqld.sock
secure-file-priv=/var/lib/mysql-files
user=mysql

pid-file=/var/run/mysqld/mysqld.pid
[client]
socket=/var/run/mysqld/mysqld.sock

!includedir /etc/mysql/conf.d/
END
install -m 0755 "$here"/docker-entrypoint.sh "$image"/usr/local/bin/docker-entrypoint.sh
chmod 0700 "$image"/root
chmod 1777 "$image"/tmp "$image"/var/lib/mysql "$image"/run/mysqld
chmod 0750 "$image"/var/lib/mysql-files

# Everything belongs to root but what the server writes to.
chown -R 0:0 "$image"
chown 999:999 "$image"/var/lib/mysql "$image"/run/mysqld "$image"/var/lib/mysql-files
tar --create --file="$result" --directory="$image" --sort=name --mtime=@0 --numeric-owner .
