#!/usr/bin/env bash
# Builds the image of the Dockerfile with buildah, which needs no container engine, and tests it. The program is started as
# an engine would start it, as the user, with the environment and the entry point of the image. It has to be healthy,
# stream, and end cleanly. All files are in one temporary directory, which is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

# In a user namespace, unless it already runs as root.
[[ $(id -u) == 0 ]] || exec buildah unshare "$0"

readonly version=v0.0.0-test revision=0123456789abcdef drain=3
tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/pollux-image-XXXXXX")
buildah=(buildah --root "$tmp/storage" --runroot "$tmp/run" --storage-driver vfs)
pids=()

cleanup() {
  status=$?
  trap - EXIT
  { kill -KILL "${pids[@]}"; wait; } 2>/dev/null || true
  if ((status != 0)) && [[ -s $tmp/log ]]; then sed 's/^/  | /' "$tmp/log"; fi >&2
  [[ ! -v container ]] || "${buildah[@]}" umount "$container" >/dev/null || true
  chmod -R u+w "$tmp"
  rm -rf "$tmp"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() { echo "image-test: $*" >&2; exit 1; }
expect() { [[ $2 == "$3" ]] || fail "$1 is $2, want $3"; }

# image TEMPLATE prints a value of the configuration of the image.
image() { "${buildah[@]}" inspect --type image --format "$1" pollux; }
lines='{{range .}}{{println .}}{{end}}'

echo "image-test: building"
deploy/base-image.sh "$(sed -n 's/^FROM .*\(golang:[^ ]*\).*/\1/p' Dockerfile)" "${buildah[@]:1}"
mapfile -t volumes < <(deploy/base-image.sh --volumes)
"${buildah[@]}" bud --quiet --isolation chroot --pull-never --format docker "${volumes[@]}" \
  --build-arg TARGETOS=linux --build-arg TARGETARCH="$(go env GOARCH)" \
  --build-arg VERSION=$version --build-arg REVISION=$revision --tag pollux . >/dev/null

user=$(image '{{.Docker.Config.User}}')
expect "the user" "$user" 65532:65532
expect "the port" "$(image '{{.Docker.Config.ExposedPorts}}')" "map[3000/tcp:{}]"
mapfile -t env < <(image "{{with .Docker.Config.Env}}$lines{{end}}" | grep .)
mapfile -t entrypoint < <(image "{{with .Docker.Config.Entrypoint}}$lines{{end}}" | grep .)
mapfile -t health < <(image "{{with .Docker.Config.Healthcheck.Test}}$lines{{end}}" | grep .)
expect "the kind of the health check" "${health[0]}" CMD # CMD-SHELL would need a shell
for label in title description source licenses version=$version revision=$revision; do
  value=$(image "{{index .Docker.Config.Labels \"org.opencontainers.image.${label%=*}\"}}")
  [[ -n $value ]] || fail "no label ${label%=*}"
  [[ $label != *=* ]] || expect "the label ${label%=*}" "$value" "${label#*=}"
done

container=$("${buildah[@]}" from --pull-never pollux)
root=$("${buildah[@]}" mount "$container")
expect "the content of the image" "$(cd "$root" && find . ! -type d | sort | xargs)" \
  "./etc/ssl/certs/ca-certificates.crt ./pollux"
grep -q 'BEGIN CERTIFICATE' "$root/etc/ssl/certs/ca-certificates.crt" || fail "no CA certificates"
expect "the owner of the folder for data" "$(stat -c %u:%g "$root/var/lib/pollux")" "$user"
echo "image-test: $(du -sh --apparent-size "$root" | cut -f1) in two files, user $user, no shell"

# inside VARIABLE=VALUE COMMAND... becomes the command, in the image, as its user and with its environment.
inside() { exec env -i "${env[@]}" "$1" "$(command -v chroot)" --userspec="$user" --groups= "$root" "${@:2}"; }

variables=$(printf '%s\n' "${env[@]}" | grep -c '^POLLUX_' || true)
expect "the number of variables that the image sets" "$variables" 0
inside X= "${entrypoint[@]}" serve --help | tr -s ' \n' ' ' | grep -qF 'The flag may be repeated. Default: :3000.' || fail "the default is not :3000"

expect "the version" "$(inside X= "${entrypoint[@]}" version | cut -d' ' -f1,2)" "pollux $version"

# The kernel chooses a free port, and the log has it.
inside POLLUX_LISTEN=:0 "${entrypoint[@]}" serve --drain ${drain}s </dev/null >"$tmp/log" 2>&1 &
pollux=$!
pids+=("$pollux")
for _ in {1..100}; do
  port=$(sed -n 's/.*msg=listening url=[^ ]*:\([0-9]*\) .*/\1/p' "$tmp/log")
  [[ -z $port ]] || break
  kill -0 "$pollux" 2>/dev/null || fail "pollux did not start"
  sleep 0.1
done
[[ -n $port ]] || fail "pollux does not say where it listens"
url=http://127.0.0.1:$port
expect "the user of the process" "$(awk '/^Uid:/ {print $2, $3, $4, $5}' "/proc/$pollux/status")" "65532 65532 65532 65532"
expect "its capabilities" "$(awk '/^CapEff:/ {print $2}' "/proc/$pollux/status")" 0000000000000000

curl -fsS --max-time 10 "$url/healthz" >/dev/null || fail "/healthz"
(inside "POLLUX_LISTEN=:$port" "${health[@]:1}") || fail "the health check fails although pollux is healthy"
curl -fsSN --max-time 20 "$url/api/sse?limit=1" >"$tmp/event" || fail "/api/sse"
grep -q '^id: .' "$tmp/event" || fail "no id in $(<"$tmp/event")"
grep '^data: {' "$tmp/event" | sed 's/^/image-test: /' || fail "no event in $(<"$tmp/event")"

# The address in a file overrides the default of the image, also for the health check.
listener=$(mktemp "$tmp/XXXXXX")
inside POLLUX_LISTEN=127.0.0.1:0 "${entrypoint[@]}" serve --push --drain 0s </dev/null >"$listener" 2>&1 &
other=$!
for _ in {1..100}; do
  free=$(sed -n 's/.*msg=listening url=[^ ]*:\([0-9]*\) .*/\1/p' "$listener")
  [[ -z $free ]] || break
  sleep 0.1
done
[[ -n $free ]] || fail "no free port"
kill -TERM "$other"
wait "$other"
printf 'listen: 127.0.0.1:%s\ndrain: 0s\nstreams: [{name: a, push: true}]\n' "$free" >"$root/pollux.yaml"
chmod a+r "$root/pollux.yaml"
inside POLLUX_CONFIG=/pollux.yaml "${entrypoint[@]}" </dev/null >"$tmp/log" 2>&1 &
filed=$!
pids+=("$filed")
for _ in {1..100}; do
  (inside POLLUX_CONFIG=/pollux.yaml "${health[@]:1}") 2>/dev/null && break
  kill -0 "$filed" 2>/dev/null || fail "pollux did not start with a file"
  sleep 0.1
done
(inside POLLUX_CONFIG=/pollux.yaml "${health[@]:1}") || fail "the health check does not find the address of the file"
grep -q "msg=listening url=http://127.0.0.1:$free " "$tmp/log" || fail "the file does not override the default of the image"
kill -TERM "$filed"
wait "$filed" || fail "pollux with a file ended with $?"
rm "$root/pollux.yaml"

# The folder for data can be written to: the second process has the document of the first.
for life in first second; do
  inside POLLUX_PUBLISH_TOKEN=thyme "${entrypoint[@]}" serve --push --listen 127.0.0.1:0 --data /var/lib/pollux/data --drain 0s </dev/null >"$tmp/log" 2>&1 &
  keeper=$!
  pids+=("$keeper")
  at=
  for _ in {1..100}; do
    at=$(sed -n 's/.*msg=listening url=\([^ ]*\) .*/\1/p' "$tmp/log")
    [[ -z $at ]] || break
    kill -0 "$keeper" 2>/dev/null || fail "pollux did not start with --data"
    sleep 0.1
  done
  [[ $life == second ]] || curl -fsS --max-time 10 -H 'Authorization: Bearer thyme' -d '"kept"' "$at/api/streams/default/events" >/dev/null || fail "publishing"
  expect "the newest document of the $life process" "$(curl -fsS --max-time 10 "$at/api/latest")" '"kept"'
  kill -TERM "$keeper"
  wait "$keeper" || fail "pollux with --data ended with $?"
done

# A stream that is open at SIGTERM ends within the drain window, after a complete event, and pollux ends after it.
curl -fsSN --max-time 60 "$url/api/sse" >"$tmp/stream" &
stream=$!
pids+=("$stream")
for _ in {1..100}; do
  [[ ! -s $tmp/stream ]] || break
  sleep 0.1
done
began=$(date +%s%N)
kill -TERM "$pollux"
status=0
timeout --foreground $((drain + 3)) tail --pid="$pollux" -f /dev/null || fail "pollux runs on after SIGTERM"
wait "$pollux" || status=$?
expect "the exit status after SIGTERM" "$status" 0
wait "$stream" || fail "the open stream was cut"
expect "the end of the open stream" "$(tail -c 2 "$tmp/stream" | od -An -tx1 | xargs)" '0a 0a'
pids=()
(inside "POLLUX_LISTEN=:$port" "${health[@]:1}") 2>/dev/null && fail "the health check passes although pollux has ended"

echo "image-test: ok; SIGTERM to exit took $((($(date +%s%N) - began) / 1000000)) ms"
