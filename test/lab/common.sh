# What the scripts of the lab share (sourced).
LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$LAB/lab.env"
mkdir -p "$RUN"

# render TEMPLATE OUTPUT: replace @NAME@ by the value of $NAME
render() {
  local v args=()
  for v in LAB_DOMAIN AS_URI SCSCF_IP SCSCF_PORT PCSCF_IP PCSCF_PORT DIA_REALM RUN ${RENDER_EXTRA:-}; do
    args+=(-e "s#@$v@#${!v}#g")
  done
  sed "${args[@]}" "$1" > "$2"
}

# spawn NAME CMD...: start in the background, remember the pid, log to $RUN/NAME.log
spawn() {
  local name=$1; shift
  if [ -s "$RUN/$name.pid" ] && kill -0 "$(cat "$RUN/$name.pid")" 2>/dev/null; then
    echo "$name already runs (pid $(cat "$RUN/$name.pid"))" >&2; return 1
  fi
  setsid "$@" > "$RUN/$name.log" 2>&1 < /dev/null &
  echo $! > "$RUN/$name.pid"
  echo "$name pid $! log $RUN/$name.log"
}

# stop_pid NAME: end exactly the process (group) that spawn started
stop_pid() {
  local f=$RUN/$1.pid p
  [ -s "$f" ] || return 0
  p=$(cat "$f")
  kill -TERM "$p" 2>/dev/null
  for _ in {1..30}; do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done
  kill -0 "$p" 2>/dev/null && kill -KILL -- "-$p" 2>/dev/null
  rm -f "$f"; echo "stopped $1 ($p)"
}
