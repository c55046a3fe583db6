module github.com/polluxhub/pollux/bench

go 1.26.0

require (
	github.com/r3labs/sse/v2 v2.10.0
	github.com/tmaxmax/go-sse v0.12.0
	golang.org/x/net v0.60.0
	golang.org/x/sys v0.49.0
)

require (
	golang.org/x/text v0.42.0 // indirect
	gopkg.in/cenkalti/backoff.v1 v1.1.0 // indirect
)
