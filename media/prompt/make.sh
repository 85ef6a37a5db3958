#!/usr/bin/env bash
# Makes the built-in prompts anew: sets/LANGUAGE.zip from languages/LANGUAGE.words. Needs espeak-ng, sox, ffmpeg with the AMR encoders
# (libavcodec-extra in Debian) and python3. Each prompt becomes NAME.wav (µ-law, 8000 Hz), NAME.amr (12.2 kbit/s) and NAME.awb
# (12.65 kbit/s). Run it in this folder after a change of the words.
set -euo pipefail
cd "$(dirname "$0")"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

say() { # LANGUAGE NAME TEXT
  local dir=$tmp/$1 name=$2
  if [ -z "$3" ]; then
    sox -q -D -r 16000 -n -b 16 "$dir/$name.raw.wav" trim 0 0.6
  else
    espeak-ng -v "$1" -s 150 -w "$dir/$name.said.wav" -- "$3"
    # Without the silence at both ends, with a little behind the word, and all equally loud.
    sox -q -D "$dir/$name.said.wav" -r 16000 -b 16 "$dir/$name.raw.wav" silence 1 0.01 0.5% reverse silence 1 0.01 0.5% fade h 0.003 reverse \
      fade h 0.003 pad 0.01 0.05 norm -6
  fi
  sox -q -D "$dir/$name.raw.wav" -r 8000 -e mu-law "$dir/$name.wav"
  sox -q -D "$dir/$name.raw.wav" -r 8000 -b 16 "$dir/$name.narrow.wav"
  ffmpeg -v error -nostdin -i "$dir/$name.narrow.wav" -c:a libopencore_amrnb -b:a 12200 "$dir/$name.amr"
  ffmpeg -v error -nostdin -i "$dir/$name.raw.wav" -c:a libvo_amrwbenc -b:a 12650 -f amr "$dir/$name.awb"
  rm -f "$dir/$name".{said,raw,narrow}.wav
}

mkdir -p sets
for words in languages/*.words; do
  language=$(basename "$words" .words)
  mkdir -p "$tmp/$language"
  while IFS=$'\t' read -r name text; do
    case $name in '' | '#'*) continue ;; esac
    say "$language" "$name" "$text"
  done < "$words"
  # Always the same bytes of the same files: sorted, and without times.
  python3 - "$tmp/$language" "sets/$language.zip" << 'PY'
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[2], "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
    for name in sorted(os.listdir(sys.argv[1])):
        with open(os.path.join(sys.argv[1], name), "rb") as f:
            z.writestr(zipfile.ZipInfo(name), f.read(), zipfile.ZIP_DEFLATED)
PY
  ls -l "sets/$language.zip"
done
