package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// DefaultNewKeysPerSecond is the default of Options.NewKeysPerSecond.
const DefaultNewKeysPerSecond = 50

// errTooManyNewKeys is the error for a client that asks for new keys too fast.
var errTooManyNewKeys = errors.New("handlers: too many new keys")

// isAboutKeys reports whether a client is not admitted because of its keys.
func isAboutKeys(err error) bool {
	return errors.Is(err, errTooManyNewKeys) || errors.Is(err, hub.ErrTooManyKeys)
}

// admitKeys returns errTooManyNewKeys if a request would make more keys exist than its
// client may.
func (s *server) admitKeys(r *http.Request, names ...string) error {
	fresh := 0
	for _, name := range names {
		if _, key := hub.SplitName(name); key != "" && !s.Hub.HasStream(name) && s.Hub.Takes(name) {
			fresh++
		}
	}
	address := s.address(r)
	if fresh == 0 || s.callers.keys.allows(fanout.Site(address), fresh) {
		return nil
	}
	s.warnOf(address, "new_keys_per_second")
	return errTooManyNewKeys
}

// streamParam returns the name of the stream in the path of a request: NAME, or NAME/KEY.
func streamParam(c echo.Context) string {
	name := c.Param("name")
	if !slices.Contains(c.ParamNames(), "key") {
		return name
	}
	key := c.Param("key")
	if c.Request().URL.RawPath != "" { // then it is still encoded
		if plain, err := url.PathUnescape(key); err == nil {
			key = plain
		}
	}
	return name + "/" + key
}

// names returns what clients can subscribe to: plain streams, and NAME/{key} for a stream
// with keys.
func (s *server) names() []string {
	names := s.Hub.StreamNames()
	for _, keyed := range s.Hub.KeyStreams() {
		names = append(names, keyed.Name+"/{key}")
	}
	slices.Sort(names)
	return names
}

// keyStream returns the stream with keys that a name belongs to: its own, or that of one
// of its keys.
func (s *server) keyStream(name string) (keyed hub.KeyStream, ok bool) {
	stream, _ := hub.SplitName(name)
	all := s.Hub.KeyStreams()
	i := slices.IndexFunc(all, func(k hub.KeyStream) bool { return k.Name == stream })
	if i < 0 {
		return hub.KeyStream{}, false
	}
	return all[i], true
}
