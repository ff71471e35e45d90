#!/bin/sh
# Makes the Debian package from what `make` built: build/weir_VERSION_ARCH.deb.
#
# The package is what `make install` puts down, the service, a manual page, and the configuration
# with its paths moved from the repository's run/ to /var/lib/weir. Which libraries it depends on is
# read off the program (dpkg-shlibdeps). The same tree gives the same bytes: files carry the time of
# the last commit (SOURCE_DATE_EPOCH).
#
# usage: packaging/deb.sh BUILD VERSION        in the repository's root
set -eu
umask 022
build=$1
version=$2-1
for tool in dpkg-deb dpkg-shlibdeps strip; do
    command -v $tool > /dev/null || { echo "make deb: $tool is missing: apt-get install dpkg-dev binutils" >&2; exit 2; }
done
[ -x "$build/weir" ] || { echo "make deb: $build/weir is not built: run make" >&2; exit 2; }
arch=$(dpkg --print-architecture)
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2> /dev/null || stat -c %Y Makefile)}"
export SOURCE_DATE_EPOCH
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
root=$top/root
out=$build/weir_${version}_$arch.deb

${MAKE:-make} -s install BUILD="$build" DESTDIR="$root" PREFIX=/usr > "$top/install.log" || { cat "$top/install.log" >&2; exit 1; }
strip --strip-unneeded "$root/usr/bin/weir"

# /etc/weir: what the administrator changes. Paths of the repository's own run/ become the service's.
install -d "$root/etc/weir"
sed -e 's|\.\./run/models/[^,]*\.gguf|/var/lib/weir/models/smollm2-135m-moe.gguf|' -e 's|\.\./run/upstream-ca\.pem|/etc/weir/upstream-ca.pem|' \
    -e 's|\.\./run/|/var/lib/weir/|g' -e 's|conf/weir\.yaml|/etc/weir/weir.yaml|g' conf/weir.yaml > "$root/etc/weir/weir.yaml"
if grep -n '\.\./' "$root/etc/weir/weir.yaml"; then
    echo "make deb: conf/weir.yaml names a path that the package does not know" >&2
    exit 1
fi
install -m 0644 -t "$root/etc/weir" conf/policy.yaml conf/adequacy.yaml conf/duties.yaml
install -m 0600 -t "$root/etc/weir" packaging/debian/weir.env
install -D -m 0644 -t "$root/lib/systemd/system" packaging/systemd/weir.service
install -D -m 0644 -t "$root/usr/share/weir/systemd" packaging/systemd/gpu.conf
install -D -m 0644 -t "$root/usr/share/weir/grafana" packaging/grafana/weir.json

doc=$root/usr/share/doc/weir
install -d "$doc"
install -m 0644 -t "$doc" packaging/debian/README.Debian docs/*.md
{ echo "Licence: Apache-2.0, /usr/share/common-licenses/Apache-2.0"; echo; head -n 5 LICENSE; } > "$doc/copyright"
printf 'weir (%s) unstable; urgency=medium\n\n  * Made from the source tree by packaging/deb.sh.\n\n -- Weir developers <root@localhost>  %s\n' \
    "$version" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n > "$doc/changelog.Debian.gz"
install -d "$root/usr/share/man/man1"
"$build/weir" --help | sed -n 's/^  \([a-z]\)/\1/p' > "$top/commands"
sed -e "s/@DATE@/$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)/" -e "s/@VERSION@/$2/" -e "/@COMMANDS@/{
r $top/commands
d
}" packaging/weir.1 | gzip -9n > "$root/usr/share/man/man1/weir.1.gz"

mkdir "$top/debian"
printf 'Source: weir\n\nPackage: weir\nArchitecture: any\n' > "$top/debian/control"
depends=$(cd "$top" && dpkg-shlibdeps -O root/usr/bin/weir 2> "$top/shlibs.log" | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { cat "$top/shlibs.log" >&2; exit 1; }
install -d "$root/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@DEPENDS@/$depends/" \
    -e "s/@SIZE@/$(du -sk --apparent-size "$root" | cut -f1)/" packaging/debian/control.in > "$root/DEBIAN/control"
install -m 0755 -t "$root/DEBIAN" packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm
(cd "$root" && find etc -type f | sort | sed 's|^|/|') > "$root/DEBIAN/conffiles"
(cd "$root" && find etc lib usr -type f | LC_ALL=C sort | grep -v '^etc/' | xargs md5sum) > "$root/DEBIAN/md5sums"

find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "$out" > /dev/null
echo "built $out"
