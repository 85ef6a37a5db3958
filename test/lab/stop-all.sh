#!/bin/bash
# Stops what the start scripts started, by recorded pid.
. "$(dirname "$0")/common.sh"
shopt -s nullglob
for f in "$RUN"/*.pid; do stop_pid "$(basename "$f" .pid)"; done
