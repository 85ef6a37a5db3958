#!/bin/bash
# Starts the self-contained S-CSCF (Debian packages only, no HSS).
#   AS_URI=sip:10.0.0.9:5060   the AS under test
#   ODI=user|uriparam|hdrparam how the original dialog identifier is written in our Route
#   ODI_AT=127.0.0.9:5060      address in that Route instead of our own: the AS cannot come back
#   REG_BODY=none|request|response|serviceinfo|multipart  body of the third-party REGISTER; multipart is all three
#   ISC_ORIG=1 ISC_TERM=1 ISC_CDIV=0  which session cases are sent to the AS; the last one: what it has retargeted
#   ISC_METHODS='INVITE|MESSAGE|SUBSCRIBE'
#   DEFAULT_HANDLING=0|1       session continued / terminated when the AS fails
. "$(dirname "$0")/../common.sh"
: "${ODI:=user}" "${ODI_AT:=$SCSCF_IP:$SCSCF_PORT}" "${REG_BODY:=none}" "${ISC_ORIG:=1}" "${ISC_TERM:=1}" "${ISC_CDIV:=0}" "${ISC_METHODS:=INVITE}" "${DEFAULT_HANDLING:=0}"
defs="-A ODI_${ODI^^}"
[ "$REG_BODY" = none ] || defs="$defs -A REG_BODY_${REG_BODY^^}"
RENDER_EXTRA="ODI_AT ISC_ORIG ISC_TERM ISC_CDIV ISC_METHODS DEFAULT_HANDLING" render "$LAB/scscf/scscf-lite.cfg.tmpl" "$RUN/scscf.cfg"
spawn scscf kamailio $defs -f "$RUN/scscf.cfg" -m 64 -M 8 -DD -Y "$RUN" -w "$RUN"
