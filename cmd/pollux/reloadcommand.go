package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// reloadCommand tells a running pollux to reload, and says what came of it.
type reloadCommand struct {
	Config      string `placeholder:"FILE" help:"Configuration of the pollux to tell."`
	AdminListen string `placeholder:"ADDRESS" help:"Address that pollux serves operators on. Default: the address in the configuration."`
}

const (
	reloadTimeout = 30 * time.Second
	maxReload     = 1 << 20 // bytes of the answer, which names each stream
)

func (c *reloadCommand) run(ctx context.Context, stdout io.Writer) error {
	settings, err := config.Probe(c.Config, config.ProcessEnvironment())
	if err != nil {
		return &usageError{err}
	}
	address := cmp.Or(c.AdminListen, given(settings.AdminListen))
	if address == "" {
		return &usageError{errors.New("there is no address to ask: want --admin-listen (POLLUX_ADMIN_LISTEN), or admin_listen in the file of --config (POLLUX_CONFIG); without one, send SIGHUP")}
	}
	server := reach(address, settings)
	if server == nil {
		return &usageError{config.FlagError("admin-listen", address, "want an address with the port that pollux listens on: which one it was given, its log says")}
	}
	server.asOperator(settings)
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	resp, err := server.ask(ctx, http.MethodPost, "/-/reload")
	if err != nil {
		return fmt.Errorf("not reloaded: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReload))
	if err != nil {
		return fmt.Errorf("not reloaded: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		_ = json.Unmarshal(body, &problem) // whoever answers may not be pollux
		return fmt.Errorf("not reloaded: %s", cmp.Or(problem.Detail, resp.Status))
	}
	_, err = fmt.Fprintf(stdout, "%s\n", body)
	return err
}
