// Command bench measures Pollux beside other servers.
//
//	bench peers    compare the servers
//	bench limit    see how Pollux grows, and keep as many clients as there can be
//	bench report   write docs/performance.md anew from what was measured
//	bench keys     be an upstream with 50,000 keys, until interrupted
//	bench soak     keep many clients for half an hour, and account for every event
//	bench tls      see what clients with TLS cost
//	bench nodes    keep clients at several nodes, and account for every event
//	bench scale    print what many clients need, by a model
//	bench attack   see what clients that mean harm do to the others
//
// It runs in the folder bench of the repository. The commands load, serve,
// soak-clients and raid are the processes that it starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/polluxhub/pollux/bench/load"
	"github.com/polluxhub/pollux/bench/peer"
	"github.com/polluxhub/pollux/bench/soak"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:])
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

var errUsage = errors.New("want one of: peers, limit, tls, nodes, scale, report, keys, soak, attack (and -h after it)")

func execute(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch command, rest := args[0], args[1:]; command {
	case "peers":
		return peers(ctx, rest)
	case "limit":
		return limit(ctx, rest)
	case "report":
		return rewrite(rest)
	case "scale":
		return scaled(rest)
	case "nodes":
		return severalNodes(ctx, rest)
	case "tls":
		return secureClients(ctx, rest)
	case "keys":
		return upstream(ctx, rest)
	case "soak":
		return soakClients(ctx, rest)
	case "attack":
		return attack(ctx, rest)
	case "raid":
		return raidProcess(rest)
	case "soak-clients":
		return soak.Serve(stdio{os.Stdin, os.Stdout})
	case "load":
		return load.Serve(stdio{os.Stdin, os.Stdout})
	case "serve":
		switch len(rest) {
		case 2:
			return peer.Serve(rest[0], rest[1], "", "")
		case 4:
			return peer.Serve(rest[0], rest[1], rest[2], rest[3])
		}
		return errUsage
	default:
		return errUsage
	}
}

// stdio is the pipe to whoever has started this process. Closing it ends
// reading, which ends the process.
type stdio struct {
	io.ReadCloser
	io.Writer
}

// progress tells on standard error what is being done, and when.
func progress() func(format string, args ...any) {
	start := time.Now()
	return func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.1fs  "+format+"\n", append([]any{time.Since(start).Seconds()}, args...)...)
	}
}
