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
	maxAnswer     = 1 << 20 // bytes of an answer, which names each stream
)

func (c *reloadCommand) run(ctx context.Context, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	body, err := askOperator(ctx, c.Config, c.AdminListen, http.MethodPost, "/-/reload")
	_, usage := errors.AsType[*usageError](err)
	switch {
	case errors.Is(err, errNoAddress):
		return &usageError{fmt.Errorf("%w; without one, send SIGHUP", errNoAddress)}
	case usage:
		return err
	case err != nil:
		return fmt.Errorf("not reloaded: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "%s\n", body)
	return err
}

var errNoAddress = errors.New("there is no address to ask: want --admin-listen (POLLUX_ADMIN_LISTEN), or admin_listen in the file of --config (POLLUX_CONFIG)")

// errNoRoute is the error for a path that is not answered there.
var errNoRoute = errors.New("404 Not Found")

// askOperator sends a request to the address for operators of the pollux that has the
// configuration in file, if there is one, and returns the body of its answer.
func askOperator(ctx context.Context, file, adminListen, method, path string) ([]byte, error) {
	settings, err := config.Probe(file, config.ProcessEnvironment())
	if err != nil {
		return nil, &usageError{err}
	}
	address := cmp.Or(adminListen, given(settings.AdminListen))
	if address == "" {
		return nil, &usageError{errNoAddress}
	}
	server := reach(address, settings)
	if server == nil {
		return nil, &usageError{config.FlagError("admin-listen", address, "want an address with the port that pollux listens on: which one it was given, its log says")}
	}
	server.asOperator(settings)
	resp, err := server.ask(ctx, method, path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return body, nil
	case http.StatusNotFound:
		return nil, errNoRoute
	default:
		var problem struct{ Detail string }
		_ = json.Unmarshal(body, &problem) // the program that answers may not be pollux
		return nil, errors.New(cmp.Or(problem.Detail, resp.Status))
	}
}
