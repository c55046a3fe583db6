# One static binary and nothing else: no shell, no libc, no package manager.
#
#     docker build -t pollux --build-arg VERSION=v1.2.3 --build-arg REVISION="$(git rev-parse HEAD)" .
#     docker run -p 3000:3000 pollux
#     docker run -p 3000:3000 -v pollux:/var/lib/pollux pollux --data /var/lib/pollux/data

# Go builds for other processors where it runs, which is faster than to emulate them.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
# Modules change less often than code, so this layer is reused for most commits.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
ARG TARGETOS
ARG TARGETARCH
# The loopback address of a container cannot be reached from outside, and nobody reaches its port unless it is published.
# So :3000 and public are defaults that are linked in. They are not variables, so that a file can override them.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.release=$VERSION -X github.com/polluxhub/pollux/cmd/pollux/config.DefaultListen=:3000 -X github.com/polluxhub/pollux/cmd/pollux/config.DefaultPublic=true" -o /pollux ./cmd/pollux
# A folder that the user of the image may write to. WORKDIR makes it.
WORKDIR /made/pollux

FROM scratch
# CA certificates, for upstreams with https.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /pollux /pollux
# For --data /var/lib/pollux/data, on a volume.
COPY --from=build --chown=65532:65532 /made/ /var/lib/
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="Pollux" \
      org.opencontainers.image.description="Polls an API and streams each change to all clients, as Server-Sent Events" \
      org.opencontainers.image.source="https://github.com/polluxhub/pollux" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
EXPOSE 3000
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/pollux", "health"]
ENTRYPOINT ["/pollux"]
