package handlers

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/internal/endpoint"
)

// errInvalidHost is the error for what is not a name or an address by itself.
var errInvalidHost = errors.New("want a name without a port, such as live.example.com")

// CheckHost returns nil for a valid entry of Options.Hosts: a name or an address, without a
// port. Its error describes a valid entry.
func CheckHost(text string) error {
	if strings.ContainsAny(text, "/:@*") {
		if _, err := netip.ParseAddr(text); err == nil {
			return nil
		}
		return errInvalidHost
	}
	if _, err := parseHost(strings.ToLower(text)); err != nil {
		return errInvalidHost
	}
	return nil
}

// hosts are the names that a server answers for; nil means all.
type hosts map[string]bool

func newHosts(names []string) (hosts, error) {
	all := make(hosts)
	var errs []error
	for _, name := range names {
		if err := CheckHost(name); err != nil {
			errs = append(errs, fmt.Errorf("handlers: %q in Hosts: %w", name, err))
		}
		all[plainHost(name)] = true
	}
	return all, errors.Join(errs...)
}

// plainHost returns a host in the form in which hosts are compared.
func plainHost(host string) string {
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return plainAddress(address).String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// knownHost refuses requests for a name that is not one of this server: a page of a foreign
// site can resolve its own name to this address (DNS rebinding), and its origin is that name
// then. In an absolute-form target it is the name there that counts (RFC 9112 3.2.2), which
// net/http has put in place of Host.
//
// No name has to be resolved for an address of this machine, for the address to which the
// connection was made, and where there is no Host, as in HTTP/1.0.
func (s *server) knownHost(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.answersFor(c.Request()) {
			s.Counts.refused(unknownHost)
			return newProblem(http.StatusMisdirectedRequest, "This server does not answer for that name. The operator can add it to hosts.")
		}
		return next(c)
	}
}

func (s *server) answersFor(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = plainHost(host)
	if host == "" || s.hosts[host] || endpoint.IsLoopback(host) || strings.HasSuffix(host, ".localhost") {
		return true
	}
	for _, name := range s.HostNames() {
		if matchesName(plainHost(name), host) {
			return true
		}
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && plainAddress(at.Addr()).String() == host
}

// matchesName reports whether a name of a certificate stands for a host: an asterisk is one
// label (RFC 6125 6.4.3).
func matchesName(name, host string) bool {
	if rest, wild := strings.CutPrefix(name, "*."); wild {
		_, parent, found := strings.Cut(host, ".")
		return found && parent == rest
	}
	return name == host
}
