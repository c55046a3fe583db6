package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/polluxhub/pollux/bench/keys"
)

// upstream serves keys until ctx ends, and then prints what was counted.
func upstream(ctx context.Context, args []string) error {
	o := keys.Options{}
	flags := flag.NewFlagSet("keys", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "`address` to listen at")
	flags.IntVar(&o.Keys, "keys", 50_000, "how many keys there are: K0, K1 and so on")
	flags.DurationVar(&o.Change, "change", 5*time.Second, "after which a document changes; 0: never")
	flags.Float64Var(&o.Slow, "slow", 0, "the `part` of the keys that are slow, 0 to 1")
	flags.DurationVar(&o.Delay, "delay", time.Second, "how long slow keys take")
	flags.Float64Var(&o.Failing, "failing", 0, "the `part` of the keys that fail, 0 to 1")
	flags.IntVar(&o.Broken, "broken", 0, "each so many `requests` one fails; 0: none")
	flags.IntVar(&o.Limit, "limit", 0, "`requests` of a second, over which the answer is 429; 0: no limit")
	flags.BoolVar(&o.Tell, "tell", false, "tell in RateLimit headers what is left of the limit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	handler := keys.New(o)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Printf("http://%[1]v/price/{key}\nhttp://%[1]v/quotes?symbols={keys}\nhttp://%[1]v/stats\n", listener.Addr())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	err = server.Close()
	<-ended
	if err := json.NewEncoder(os.Stdout).Encode(handler.Stats()); err != nil {
		return err
	}
	return err
}
