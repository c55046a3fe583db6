package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/cmd/pollux/config"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// flagStream returns the one stream that flags describe.
func (c *serveCommand) flagStream() (config.Stream, error) {
	if err := c.checkFlagStream(); err != nil {
		return config.Stream{}, err
	}
	header, err := c.header()
	if err != nil {
		return config.Stream{}, err
	}
	stream := config.Stream{
		Name:    hub.DefaultStream,
		Push:    c.Push,
		Mock:    !c.Push && c.URL == "",
		Every:   poller.DefaultEvery,
		Headers: make(map[string]config.Secret),
	}
	if c.Every != nil {
		stream.Every = *c.Every
	}
	if c.Timeout != nil {
		stream.Timeout = *c.Timeout
	}
	if stream.Timeout < 0 || stream.Timeout >= stream.Every {
		return config.Stream{}, wrong("timeout", stream.Timeout, "want less than --every, which is %v", stream.Every)
	}
	if c.URL != "" {
		if u, err := url.Parse(c.URL); err == nil && u.User != nil && header.Get("Authorization") != "" {
			return config.Stream{}, errors.New("--header (POLLUX_HEADER): Authorization and a user in the URL, want one of them")
		}
		stream.URL, stream.Conditional, stream.Revalidate = config.NewSecret(c.URL), true, poller.DefaultRevalidate
	}
	for name, values := range header {
		separator := ", " // as RFC 9110 section 5.3 has it
		if name == "Cookie" {
			separator = "; " // RFC 6265 section 5.4
		}
		stream.Headers[name] = config.NewSecret(strings.Join(values, separator))
	}
	return stream, nil
}

// checkFlagStream refuses flags that exclude each other, and an invalid URL.
func (c *serveCommand) checkFlagStream() error {
	for _, flag := range []string{"every", "timeout"} {
		if c.Push && c.given[flag] {
			return fmt.Errorf("--%s (%s) and --push exclude each other: nothing is polled", flag, config.VariableOf(flag))
		}
	}
	if c.URL == "" {
		return nil
	}
	if c.Push {
		return errors.New("--push and --url exclude each other: a stream is polled or only published to")
	}
	if err := config.CheckURL(c.URL, httpjson.ExampleURL); err != nil {
		return wrong("url", config.MaskURL(c.URL), "%v", err)
	}
	return nil
}

// header returns the headers that flags give.
func (c *serveCommand) header() (http.Header, error) {
	header := make(http.Header)
	for _, lines := range c.Header {
		for line := range strings.SplitSeq(lines, "\n") {
			if strings.TrimSpace(line) == "" {
				continue
			}
			name, value, found := strings.Cut(line, ":")
			name, value = textproto.TrimString(name), textproto.TrimString(value)
			switch {
			case !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
				// The value may be a secret, so it is not repeated.
				return nil, errors.New("--header (POLLUX_HEADER): want 'NAME: VALUE', for example 'Accept-Language: en'")
			case httpjson.IsReserved(name):
				return nil, fmt.Errorf("--header (POLLUX_HEADER): %s cannot be set: HTTP or the check for changes depends on it", name)
			}
			header.Add(name, value)
		}
	}
	if len(header) > 0 && c.URL == "" {
		return nil, errors.New("--header without --url: there is nobody to send it to")
	}
	return header, nil
}

// wrong is the error for one flag: which, what it is, what would be right.
func wrong(flag string, value any, format string, args ...any) error {
	return fmt.Errorf("--%s (%s) is %v: %s", flag, config.VariableOf(flag), value, fmt.Sprintf(format, args...))
}
