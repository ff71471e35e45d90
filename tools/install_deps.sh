#!/bin/sh
# Installs what Weir's build needs from Debian's packages; does nothing when all is there.
# usage: install_deps.sh [test|bench|fuzz|deb]   with an argument also what that make target needs
# Needs root (or sudo without a prompt) only if something is missing.
set -eu
want="gcc libc6-dev make pkg-config libevent-dev libssl-dev libjansson-dev libyaml-dev
libhyperscan-dev libutf8proc-dev libsqlite3-dev zlib1g-dev libp11-kit-dev libpq-dev librdkafka-dev
libcurl4-openssl-dev libseccomp-dev python3 python3-venv openssl"
tests="g++ softhsm2 opensc libcmocka-dev clang-format-14 strace postgresql dpkg-dev binutils systemd"
case "${1:-}" in
"") ;;
test) want="$want $tests" ;;
bench) want="$want $tests nginx wrk" ;;
deb) want="$want dpkg-dev binutils" ;;
fuzz) want="$want clang libclang-rt-14-dev" ;;
*)
    echo "usage: $0 [test|bench|fuzz|deb]" >&2
    exit 2
    ;;
esac
missing=""
for p in $want; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing" >&2
run=""
if [ "$(id -u)" -ne 0 ]; then
    run="sudo -n"
    $run true 2>/dev/null || {
        echo "not root and no sudo: run as root: apt-get install$missing" >&2
        exit 1
    }
fi
export DEBIAN_FRONTEND=noninteractive
# A test runs a private PostgreSQL; the package shall not start a server of its own for that.
case "$missing" in
*postgresql*)
    if [ ! -e /etc/postgresql-common ]; then
        $run mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" | $run tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    ;;
esac
# A list that is days old misses packages; a fresh machine has none at all.
$run apt-get update -qq
# shellcheck disable=SC2086
$run apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold $missing >/dev/null
