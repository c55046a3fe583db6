#!/usr/bin/env bash
# Makes a replacement for the Go image that the Dockerfile begins with, for machines that cannot pull it: a shell and CA
# certificates. Go, its modules and its build cache are those of this machine. The build mounts them and does not copy them:
#
#     deploy/base-image.sh golang:1.26
#     mapfile -t volumes < <(deploy/base-image.sh --volumes)
#     buildah --storage-driver vfs bud --isolation chroot --pull-never "${volumes[@]}" --tag pollux .
#
# Further arguments are options for buildah.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $1 == --volumes ]]; then
  mkdir -p "$(go env GOMODCACHE)" "$(go env GOCACHE)"
  printf -- '--volume=%s\n' \
    "$(go env GOROOT):/usr/local/go:ro" "$(go env GOMODCACHE):/go/pkg/mod" "$(go env GOCACHE):/go/cache"
  exit
fi

go mod download # the build has no network

name=$1
buildah=(buildah "${@:2}")
container=$("${buildah[@]}" from scratch)
trap '"${buildah[@]}" rm "$container" >/dev/null' EXIT
root=$("${buildah[@]}" mount "$container")
mkdir -p "$root"/{etc/ssl/certs,tmp}
mapfile -t libraries < <(ldd /bin/sh | grep -o '/[^ )]*')
cp -L --parents /bin/sh "${libraries[@]}" /etc/ssl/certs/ca-certificates.crt "$root"
"${buildah[@]}" umount "$container" >/dev/null
"${buildah[@]}" config --env PATH=/usr/local/go/bin:/bin --env HOME=/tmp --env GOTOOLCHAIN=local --env GOPROXY=off \
  --env GOPATH=/go --env GOCACHE=/go/cache "$container"
"${buildah[@]}" commit --quiet "$container" "$name" >/dev/null
