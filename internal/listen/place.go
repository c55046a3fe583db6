package listen

import (
	"slices"

	"github.com/polluxhub/pollux/internal/endpoint"
)

// Places returns where an address leads: to the sockets that systemd has passed for it, else
// to one place. It binds nothing, and uses no socket up.
func Places(text string) []endpoint.Endpoint {
	at, err := endpoint.Parse(text)
	switch {
	case err != nil:
		return nil
	case at.Network != endpoint.Systemd:
		return []endpoint.Endpoint{at}
	}
	return inheritedPlaces(at.Text)
}

// IsLocal reports whether only this machine can reach an address. Of systemd it is what the
// sockets say that it has passed, and true if it has passed none: Open will say so.
func IsLocal(text string) bool {
	_, err := endpoint.Parse(text)
	return err == nil && !slices.ContainsFunc(Places(text), func(at endpoint.Endpoint) bool { return !at.IsLocal() })
}
