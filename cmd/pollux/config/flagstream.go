package config

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// flagStream returns the one stream that flags describe.
func (f *Flags) flagStream() (Stream, error) {
	if err := f.checkFlagStream(); err != nil {
		return Stream{}, err
	}
	header, err := f.header()
	if err != nil {
		return Stream{}, err
	}
	stream := Stream{
		Name:    hub.DefaultStream,
		Push:    f.Push,
		Mock:    !f.Push && f.URL == "",
		Every:   poller.DefaultEvery,
		Headers: make(map[string]Secret),
	}
	if f.Every != nil {
		stream.Every = *f.Every
	}
	if f.Timeout != nil {
		stream.Timeout = *f.Timeout
	}
	if stream.Timeout < 0 || stream.Timeout >= stream.Every {
		return Stream{}, FlagError("timeout", stream.Timeout, "want less than --every, which is %v", stream.Every)
	}
	if f.URL != "" {
		if u, err := url.Parse(f.URL); err == nil && u.User != nil && header.Get(authorization) != "" {
			return Stream{}, errors.New("--header (POLLUX_HEADER): Authorization and a user in the URL, want one of them")
		}
		stream.URL, stream.Conditional, stream.Revalidate = NewSecret(f.URL), true, poller.DefaultRevalidate
		stream.MaxWait, stream.Proxy = poller.DefaultMaxWait, proxyOf(f.Proxy)
	}
	for name, values := range header {
		separator := ", " // as RFC 9110 section 5.3 has it
		if name == "Cookie" {
			separator = "; " // RFC 6265 section 5.4
		}
		stream.Headers[name] = NewSecret(strings.Join(values, separator))
	}
	return stream, nil
}

// checkFlagStream refuses flags that exclude each other, and an invalid URL.
func (f *Flags) checkFlagStream() error {
	for _, flag := range []string{"every", "timeout"} {
		if f.Push && f.given[flag] {
			return fmt.Errorf("--%s (%s) and --push exclude each other: nothing is polled", flag, VariableOf(flag))
		}
	}
	if f.URL == "" {
		return nil
	}
	if f.Push {
		return errors.New("--push and --url exclude each other: a stream is polled or only published to")
	}
	if err := CheckURL(f.URL, httpjson.ExampleURL); err != nil {
		return FlagError("url", MaskURL(f.URL), "%v", err)
	}
	return nil
}

// header returns the headers that flags give.
func (f *Flags) header() (http.Header, error) {
	header := make(http.Header)
	for _, lines := range f.Header {
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
	if len(header) > 0 && f.URL == "" {
		return nil, errors.New("--header without --url: there is nobody to send it to")
	}
	return header, nil
}

// FlagError returns the error for one flag: which, what it is, what would be right.
func FlagError(flag string, value any, format string, args ...any) error {
	return fmt.Errorf("--%s (%s) is %v: %s", flag, VariableOf(flag), value, fmt.Sprintf(format, args...))
}
