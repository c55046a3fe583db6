# The tasks of a developer. All of them work in a fresh clone. On Debian, missing packages are installed.

# A count and not a time, because the fuzzer can report its own deadline as a failure of the target.
FUZZTIME ?= 300000x
BENCH ?= .

GOLANGCI_LINT := bin/golangci-lint-v2.15.0
GOVULNCHECK := bin/govulncheck-v1.9.0
ACTIONLINT := bin/actionlint-v1.7.12
GORELEASER := bin/goreleaser-v2.15.4
NODE_MODULES := static/node_modules/.package-lock.json

# The proxies that docs/operations.md has blocks for, each COMMAND=PACKAGE. Debian keeps daemons in /usr/sbin, which is
# not in the PATH of everybody.
PROXIES := nginx=nginx caddy=caddy haproxy=haproxy apache2=apache2 varnishd=varnish
export PATH := $(PATH):/usr/sbin
# What reads the files of deploy.
DEPLOY := nginx=nginx promtool=prometheus systemd-analyze=systemd

# Everything is built as a release is: what one part of the suite has built serves the others, the clones that tests make,
# and the image. Only the race detector needs cgo.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(filter-out -trimpath,$(GOFLAGS)) -trimpath)

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL: # tests have timeouts, and need the machine for themselves
.PHONY: help run build test ready tools check cluster-test e2e browser deploy-test image-test fmt-check lint race unit vuln fuzz mutate bench bench-peers bench-tls bench-limit soak attack release-check release fmt deps clean

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

run: ## run pollux; flags in ARGS, as in make run ARGS='--every 1s'
	go run ./cmd/pollux $(ARGS)

build: ## build bin/pollux
	go build -o bin/pollux ./cmd/pollux

test: ready check e2e browser deploy-test image-test ## the whole suite
	$(MAKE) fuzz FUZZTIME=5000x

# Packages of the system wait for the network, and tools for the processor.
ready:
	@$(MAKE) tools & tools=$$!; status=0; $(MAKE) deps || status=$$?; wait $$tools; exit $$status

tools: $(GOLANGCI_LINT) $(GOVULNCHECK) $(ACTIONLINT) $(NODE_MODULES)

check: fmt-check lint race unit vuln ## the fast part: format, linters, race detector, unit tests, known vulnerabilities

e2e: $(NODE_MODULES) ## a real API, 200 clients, curl, a browser, real proxies, and the blocks of the documents
	$(call need,curl=curl openssl=openssl $${CHROMIUM:-chromium}=chromium zsh=zsh fish=fish $(PROXIES))
	go test -tags e2e -count=1 -timeout 30m -run "^($$(grep -rl '^//go:build e2e$$' cmd/pollux | xargs grep -ho '^func Test[A-Za-z0-9_]*' | cut -c6- | paste -sd'|'))$$" ./cmd/pollux/...

cluster-test: $(NODE_MODULES) ## what docs/cluster.md and docs/scale.md promise, with processes that are killed, stopped, cut off and restarted (75 min, as root)
	$(call need,nginx=nginx ip=iproute2 $${CHROMIUM:-chromium}=chromium)
	go test -count=1 -v -timeout 30m -run 'TestAccount|TestLeaves|TestStoreSurvivesKills' ./cmd/pollux -leaf-moves 20 -leaf-clients 2000 -leaf-outage 1m -store-kills 100
	go test -count=1 -v -timeout 30m -run TestLeaves ./cmd/pollux -leaf-moves 200 -leaf-clients 100
	go test -count=1 -v -timeout 30m -run 'TestOwnCluster|TestFullDiskOfNode' ./cmd/pollux -cluster-kills 20
	go test -count=1 -v -timeout 60m -run TestOneOfTheNodesPolls ./cmd/pollux -node-kills 30 -node-stops 20
	go test -count=1 -v -timeout 30m -run TestNodesComeAndGo ./cmd/pollux -nodes-for 10m -node-clients 5000
	go test -count=1 -v -timeout 30m -run TestNATSServersAway ./cmd/pollux -nats-kills 20 -nats-away 1s,30s,3m
	go test -count=1 -v -timeout 30m -tags e2e,root -run 'TestNetworkCut|TestNetworkToNATSCut|TestRollingRestart' ./cmd/pollux -rolling-clients 2000
	go test -count=1 -v -timeout 30m -run 'TestQuorum|TestBothNodesPoll|TestClientMoves|TestSharedStreamOfOthersHands' ./hub/natslog -quorum-kills 20 -quorum-outage 3m

browser: $(NODE_MODULES) ## tests of the browser modules in Chromium and Firefox, and of the examples
	$(call need,$${CHROMIUM:-chromium}=chromium $${FIREFOX:-firefox-esr}=firefox-esr python3=python3)
	cd static && npm run chromium && npm run firefox

# Files outside of the module are no part of what Go caches a result for. Of what go mod tidy would change only go.mod is
# looked at: it asks for the modules that tests of dependencies need as well, not every proxy has all of them
# (go.digitalxero.dev/go-msix), and without one, lines of go.sum seem to be too many.
deploy-test: $(ACTIONLINT) ## check the files for Compose, Kubernetes, systemd, Prometheus, Grafana, npm and releases, and ACME
	$(call need,$(DEPLOY))
	$(ACTIONLINT) -shellcheck= -pyflakes=
	@diff=$$(cd deploy/test && go mod tidy -e -diff 2>/dev/null) || ! grep -A 30 '^--- current/go.mod' <<<"$$diff"
	cd deploy/test && go vet ./... && go test -count=1 ./...

image-test: ## build the container image and run it
	$(call need,buildah=buildah curl=curl)
	deploy/image-test.sh

fmt-check:
	@files=$$(gofmt -s -l .) && test -z "$$files" || { echo "not formatted, make fmt does it: $$files" >&2; exit 1; }
	go mod tidy -diff

lint: $(GOLANGCI_LINT)
	go vet -tags e2e,root ./...
	$(GOLANGCI_LINT) run
	.ci/mutate --check

# Tests that may run beside others wait most of the time, so there are more of them at once than processors.
race:
	$(call need,gcc=gcc gcc=libc6-dev)
	CGO_ENABLED=1 go test -race -shuffle=on -vet=off -parallel 4 -timeout 30m ./...

unit: $(NODE_MODULES)
	cd static && npm run check && npm run unit

# One failure is only reported: the database cannot be reached. Everything else fails: a vulnerability (status 3), an
# error from the database, a wrong certificate, packages that do not load.
vuln: unreachable := ^govulncheck: fetching vulnerabilities: Get "[^"]*": (dial|proxyconnect) [a-z0-9]*:
vuln: $(GOVULNCHECK)
	@status=0; out=$$($(GOVULNCHECK) ./... 2>&1) || status=$$?; \
	if [ $$status = 1 ] && grep -Eq '$(unreachable)' <<<"$$out"; then \
	  echo "not checked for known vulnerabilities, the database cannot be reached: $${out##*: Get }"; \
	else \
	  echo "$$out"; exit $$status; \
	fi

fuzz: ## each fuzz target, FUZZTIME (300000x) inputs each
	.ci/fuzz $(FUZZTIME)

mutate: ## check that a test fails for each changed bound of .ci/mutants, or for those with a word of MUTANTS (10 min)
	.ci/mutate $(MUTANTS)

bench-peers: ## compare with other servers and write docs/performance.md (12 min, on an idle machine)
	cd bench && go run . peers -write

bench-tls: ## what clients with TLS, HTTP/2 and a proxy cost, and write docs/performance.md (20 min, on an idle machine)
	cd bench && go run . tls -write

bench-limit: ## growth, then as many clients as the machine allows for 5 min (20 min)
	cd bench && go run . limit -write

soak: ## 20,000 clients for 30 min with faults, reloads and restarts; each event is accounted for; flags in SOAK
	cd bench && go run . soak $(SOAK)

attack: ## what slow, silent and greedy connections do to the other clients; flags in ATTACK (14 min)
	cd bench && go run . attack $(ATTACK)

bench: ## benchmarks of the hub and below; BENCH chooses some
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./hub/...

release-check: $(GORELEASER) $(NODE_MODULES) ## build a release and the packages for npm in dist, and publish nothing
	$(GORELEASER) check
	$(GORELEASER) release --snapshot --clean
	node deploy/npm/pack.mjs dist/artifacts.json 0.0.0-snapshot dist/npm
	cd static/client && npm pack --pack-destination ../../dist/npm
	cd dist && sha256sum --check --quiet SHA256SUMS

release: $(GORELEASER) # by .github/workflows/release.yaml alone
	$(GORELEASER) release --clean

fmt: $(GOLANGCI_LINT) ## format the Go code
	$(GOLANGCI_LINT) fmt

deps: ## install what the suite needs besides Go and Node (on Debian)
	$(call need,gcc=gcc gcc=libc6-dev curl=curl buildah=buildah $${CHROMIUM:-chromium}=chromium $${FIREFOX:-firefox-esr}=firefox-esr python3=python3 zsh=zsh fish=fish $(PROXIES) $(DEPLOY))

clean: ## remove everything that was built or installed here
	rm -rf bin dist static/node_modules

# $(call need,COMMAND=PACKAGE...) installs the packages of missing commands. No package may start its service, which
# would take the ports of others: policy-rc.d says so while they are installed, unless the machine has one of its own.
define need
@missing=; for n in $(1); do command -v "$${n%=*}" >/dev/null || missing="$$missing $${n#*=}"; done; \
if [ -z "$$missing" ]; then exit; fi; \
if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! grep -q '^ID=debian' /etc/os-release; then \
  echo "missing:$$missing; install it (as root on Debian, make deps does)" >&2; exit 1; \
fi; \
apt-get update -qq; \
policy=/usr/sbin/policy-rc.d; \
if [ ! -e $$policy ]; then trap "rm -f $$policy" EXIT; printf '#!/bin/sh\nexit 101\n' >$$policy; chmod +x $$policy; fi; \
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null
endef

# Tools are pinned here and not in go.mod. A new version is a new file, so make installs it. None is built with cgo, whose
# compiler apt may be installing at that time.
bin/golangci-lint-%:
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$*
	mv bin/golangci-lint $@

bin/actionlint-%:
	GOBIN=$(CURDIR)/bin go install github.com/rhysd/actionlint/cmd/actionlint@$*
	mv bin/actionlint $@

bin/goreleaser-%:
	GOBIN=$(CURDIR)/bin go install github.com/goreleaser/goreleaser/v2@$*
	mv bin/goreleaser $@

bin/govulncheck-%:
	GOBIN=$(CURDIR)/bin go install golang.org/x/vuln/cmd/govulncheck@$*
	mv bin/govulncheck $@

$(NODE_MODULES): static/package.json static/package-lock.json
	cd static && npm ci
	touch $@
