#!/usr/bin/env bash
# Builds bin/bifrons_VERSION_ARCH.deb from the tree it stands in; needs go and dpkg-deb. Prints the name of the file.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=${VERSION:-}
if [ -z "$version" ]; then
  day=$(git log -1 --format=%cd --date=format:%Y%m%d 2> /dev/null || date +%Y%m%d)
  version=0~git$day.$(git rev-parse --short=8 HEAD 2> /dev/null || echo 0)
fi
arch=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$root/usr/bin/bifrons" ./cmd/bifrons
install -D -m 644 configs/bifrons.service "$root/lib/systemd/system/bifrons.service"
install -D -m 640 configs/minimal.yaml "$root/etc/bifrons/bifrons.yaml"
doc=$root/usr/share/doc/bifrons
install -d "$doc/examples"
install -m 644 README.md docs/*.md docs/*.svg "$doc"
install -m 644 LICENSE "$doc/copyright"
install -m 644 configs/*.yaml "$doc/examples"
gzip -9n < CHANGELOG.md > "$doc/changelog.gz"
for shell in bash zsh fish; do
  case $shell in
    bash) to=$root/usr/share/bash-completion/completions/bifrons ;;
    zsh) to=$root/usr/share/zsh/vendor-completions/_bifrons ;;
    fish) to=$root/usr/share/fish/vendor_completions.d/bifrons.fish ;;
  esac
  install -d "$(dirname "$to")"
  "$root/usr/bin/bifrons" completion $shell > "$to"
done

install -d "$root/DEBIAN"
size=$(du -ks "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$size/" configs/deb/control > "$root/DEBIAN/control"
echo /etc/bifrons/bifrons.yaml > "$root/DEBIAN/conffiles"
install -m 755 configs/deb/postinst configs/deb/prerm configs/deb/postrm "$root/DEBIAN"

mkdir -p bin
out=bin/bifrons_${version}_$arch.deb
dpkg-deb --root-owner-group --build "$root" "$out" > /dev/null
echo "$out"
