#!/usr/bin/env bash
# Measures the server against the baseline, and against Kamailio (topoh) and rtpengine when they are installed, and prints one
# table in Markdown. Every measure starts a fresh server; the servers take turns, so that a change of the machine's mood meets
# all of them. The machine should do nothing else.
#
#   RUNS=5              runs of each server; the table has the medians
#   ONLY=rate|peak|mem|rtp   one part (or several: ONLY="rate mem")
#   RATE=800 SECS=10 PEAK=4000 STREAMS=500 MANY=1000
#   BIFRONS=FILE        a binary that is already built
#   OUT=DIR             where results go (default test/bench/out, emptied first)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${RUNS:=5}" "${ONLY:=rate peak mem rtp}" "${RATE:=800}" "${SECS:=10}" "${PEAK:=4000}" "${STREAMS:=500}" "${MANY:=1000}" "${OUT:=$here/out}"
PATH=$PATH:/usr/sbin:/sbin
for p in sipp python3 go; do
  command -v "$p" > /dev/null || { echo "$p is missing: run test/install.sh bench as root" >&2; exit 1; }
done
rm -rf "$OUT"; mkdir -p "$OUT/bin"
results=$OUT/results.jsonl
: > "$results"

echo "building" >&2
cd "$root"
CGO_ENABLED=0 go build -o "$OUT/bin/baseline" ./test/bench/baseline
CGO_ENABLED=0 go build -o "$OUT/bin/rtpblast" ./test/bench/rtpblast
if [ -z "${BIFRONS:-}" ]; then
  BIFRONS=$OUT/bin/bifrons
  CGO_ENABLED=0 go build -trimpath -o "$BIFRONS" ./cmd/bifrons
fi

pid=
stop() {
  [ -n "$pid" ] || return 0
  kill -TERM "$pid" 2> /dev/null || true
  for _ in {1..50}; do kill -0 "$pid" 2> /dev/null || break; sleep 0.1; done
  kill -KILL "$pid" 2> /dev/null || true
  wait "$pid" 2> /dev/null || true
  pid=
}
trap stop EXIT
trap 'exit 130' INT TERM

# bound PORT: is a UDP socket bound to 127.0.0.1, or to all addresses, at that port?
bound() { grep -qE "(0100007F|00000000):$(printf %04X "$1") " /proc/net/udp; }

# The ports of the server (5060), of SIPp and rtpblast (5080, 5081, 5090) and of rtpengine (2223).
free() {
  local p
  for p in 5060 5080 5081 5090 2223; do
    ! bound $p || { echo "127.0.0.1:$p is taken: does another benchmark run?" >&2; exit 1; }
  done
}

# start NAME [CONFIG]: runs a server for calls from 127.0.0.1:5060 to 127.0.0.1:5090, pid in $pid
start() {
  local log=$OUT/$1.log port=5060
  free
  case $1 in
    bifrons) "$BIFRONS" serve -c "$root/configs/$2" >> "$log" 2>&1 & ;;
    baseline) "$OUT/bin/baseline" -p 5060 -np 5090 >> "$log" 2>&1 & ;;
    topoh)
      sed -e 's/__PORT__/5060/; s/__UAS__/127.0.0.1:5090/; s/__WORKERS__/2/' "$here/conf/kamailio-topoh.cfg" > "$OUT/kamailio.cfg"
      kamailio -f "$OUT/kamailio.cfg" -DD -m 512 -M 16 -Y "$OUT" -w "$OUT" >> "$log" 2>&1 & ;;
    rtpengine)
      port=2223
      rtpengine --foreground --log-stderr --log-level=3 --table=-1 --interface=127.0.0.1 --listen-ng=127.0.0.1:2223 \
        --port-min=40000 --port-max=59999 >> "$log" 2>&1 & ;;
  esac
  pid=$!
  for _ in {1..100}; do
    ! bound "$port" || break
    sleep 0.1
  done
  sleep 0.5
  if ! bound "$port" || ! kill -0 "$pid" 2> /dev/null; then
    echo "$1 does not start:" >&2; tail -n 20 "$log" >&2; exit 1
  fi
}

cps() { # MODE NAME PART ARGS...: one measure with SIPp, result marked with its part
  local mode=$1 name=$2 part=$3; shift 3
  python3 "$here/cps.py" "$mode" --server 127.0.0.1:5060 --pid "$pid" --name "$name" --part "$part" --json "$results" "$@" >&2
}

want() { [[ " $ONLY " == *" $1 "* ]]; }

rivals=(baseline bifrons)
if command -v kamailio > /dev/null; then rivals+=(topoh); else echo "Kamailio is not installed: not compared" >&2; fi

if want rate; then
  for ((i = 0; i < RUNS; i++)); do
    for size in ims small; do
      scenario=uac-ims.xml; [ $size = ims ] || scenario=uac.xml
      for name in "${rivals[@]}"; do
        start "$name" bench-signalling.yaml
        cps rate "$name" "$size" --rates "$RATE" --secs "$SECS" --uac-scenario "$scenario"
        stop
      done
    done
  done
fi
if want peak; then
  for name in baseline bifrons; do
    start "$name" bench-signalling.yaml
    cps rate "$name" peak --rates "$PEAK" --secs "$SECS"
    stop
  done
fi
if want mem; then
  for name in baseline bifrons; do
    start "$name" bench-signalling.yaml
    cps mem "$name" mem --calls 3000 --setup 400 --hold 15
    stop
  done
fi
if want rtp; then
  relays=(bifrons)
  if command -v rtpengine > /dev/null; then relays+=(rtpengine); else echo "rtpengine is not installed: not compared" >&2; fi
  for ((i = 0; i < RUNS; i++)); do
    for name in "${relays[@]}"; do
      start "$name" bench.yaml
      control=(-sip 127.0.0.1:5060); [ "$name" = bifrons ] || control=(-rtpengine 127.0.0.1:2223)
      "$OUT/bin/rtpblast" -streams "$STREAMS" -secs 6 -pid "$pid" -name "$name" "${control[@]}" -json "$results" >&2
      stop
    done
  done
  # As many streams as carriers ask for: nothing may be lost.
  for name in "${relays[@]}"; do
    start "$name" bench.yaml
    control=(-sip 127.0.0.1:5060); [ "$name" = bifrons ] || control=(-rtpengine 127.0.0.1:2223)
    "$OUT/bin/rtpblast" -streams "$MANY" -secs 6 -pid "$pid" -name "$name" -part many "${control[@]}" -json "$results" >&2
    stop
  done
fi
python3 "$here/report.py" "$results"
