#!/usr/bin/env bash
# Installs from Debian what the tests need: SIPp as telephone, baresip for video and TLS, Kamailio as S-CSCF and P-CSCF, sox for a tone, scanners,
# freeDiameter as relay, slapd as user-data repository, gcc for the race detector. `install.sh bench` adds what `make bench` needs
# and compares with. Silent when all is there. Not root: says what is missing and ends with status 1. No service is started.
set -euo pipefail

# package:command, or package:/file
want=(sip-tester:sipp kamailio:kamailio sox:sox iproute2:ip util-linux:unshare baresip-core:baresip gcc:gcc libc6-dev:/usr/include/stdlib.h curl:curl
  kamailio-tls-modules:/usr/share/doc/kamailio-tls-modules sipsak:sipsak sipvicious:svmap
  slapd:slapd postgresql:/usr/lib/postgresql freediameterd:freeDiameterd freediameter-extensions:/usr/lib/freeDiameter/dict_dcca_3gpp.fdx)
[ "${1:-}" != bench ] || want+=(rtpengine-daemon:rtpengine python3:python3)

PATH=$PATH:/usr/sbin:/sbin
missing=()
for w in "${want[@]}"; do
  package=${w%%:*} command=${w#*:}
  case $command in
    /*) [ -e "$command" ] || missing+=("$package") ;;
    *) command -v "$command" > /dev/null || missing+=("$package") ;;
  esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "The tests need these Debian packages: ${missing[*]}" >&2
  echo "Install them, or run $0 as root." >&2
  exit 1
fi

# A policy of our own keeps the packages' services from starting; what was there comes back afterwards.
policy=/usr/sbin/policy-rc.d
kept=$(mktemp -d)
restore() {
  rm -f "$policy"
  [ ! -e "$kept/policy" ] || mv "$kept/policy" "$policy"
  rm -rf "$kept"
}
trap restore EXIT
[ ! -e "$policy" ] || mv "$policy" "$kept/policy"
printf '#!/bin/sh\nexit 101\n' > "$policy"
chmod 755 "$policy"

log=$kept/log
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y --no-install-recommends "${missing[@]}" > "$log" 2>&1; }
echo "installing ${missing[*]}"
if ! install; then
  # Most likely the lists are old or were never fetched.
  if ! { apt-get update && install; } >> "$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "could not install ${missing[*]}" >&2
    exit 1
  fi
fi
