#!/usr/bin/env bash
# Makes a stand-in for the Go image that the Dockerfile begins with, for machines that cannot pull it: the installed Go,
# its modules, a shell and CA certificates. Builds on it need no network.
#
#     deploy/base-image.sh NAME [BUILDAH-OPTION...]
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1
buildah=(buildah "${@:2}")

container=$("${buildah[@]}" from scratch)
trap '"${buildah[@]}" rm "$container" >/dev/null' EXIT
root=$("${buildah[@]}" mount "$container")

mkdir -p "$root"/{etc/ssl/certs,go/pkg/mod,tmp,usr/local/go}
for part in VERSION go.env bin lib pkg src; do
  cp -a "$(go env GOROOT)/$part" "$root/usr/local/go/"
done
mapfile -t libraries < <(ldd /bin/sh | grep -o '/[^ )]*')
cp -L --parents /bin/sh "${libraries[@]}" "$root"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

# What this machine has in its module cache is not fetched again.
go mod download
GOPROXY=file://$(go env GOMODCACHE)/cache/download GOSUMDB=off GOMODCACHE=$root/go/pkg/mod go mod download -modcacherw

"${buildah[@]}" umount "$container" >/dev/null
"${buildah[@]}" config \
  --env PATH=/usr/local/go/bin:/bin --env HOME=/tmp --env GOPATH=/go --env GOTOOLCHAIN=local --env GOPROXY=off \
  "$container"
"${buildah[@]}" commit --quiet "$container" "$name" >/dev/null
