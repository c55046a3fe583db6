// Package guard keeps a program that follows URLs away from the networks that
// it happens to sit in. See [Guard.DialContext].
//
// # What is refused
//
//   - Always: link-local addresses, those of the metadata services of clouds
//     (address.go lists both, with reasons), unspecified, multicast, broadcast
//     and reserved ones.
//   - A private address, loopback included, after a redirect from a public one
//     ([AfterPublic]).
//   - A private address of a name that had a public one before, in the same
//     answer or an earlier one of this Guard: DNS rebinding. This lasts as long as
//     the Guard.
//   - Any private address if Options.DenyPrivate, but for Options.AllowPrivate.
//
// Private is whatever the special-purpose registries of IANA do not call
// globally reachable, as code.dny.dev/ssrf knows them: RFC 1918, unique local
// (RFC 4193), shared (RFC 6598), loopback, documentation and so on. An IPv4
// address within an IPv6 one (mapped, NAT64, 6to4, Teredo) is judged as what it
// is.
//
// # When
//
// After resolution: what is judged is what is dialled, and no name is resolved
// in between. All addresses of an answer are judged before the first one is
// dialled; those that are refused are not dialled, and if none is left, nothing
// is. The dialer's Control judges each address once more. A connection
// remembers its address, so that one from a pool can be judged for another
// request ([Guard.Check]).
//
// With a proxy it is the proxy that is dialled, and judged. What it connects to
// cannot be judged, but for hosts that are written as addresses
// ([Guard.CheckHost]).
//
// # Concurrency
//
// A Guard and its [Places] are safe for concurrent use. DialContext starts a goroutine for each
// address that it tries, and waits for all of them. The lock guards the names
// that were public; nothing waits while holding it. They are as many as names
// were dialled: the caller bounds them.
package guard
