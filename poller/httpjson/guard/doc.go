// Package guard keeps a program that follows URLs out of the networks around it. See
// [Guard.DialContext].
//
// # What is refused
//
//   - Always: link-local addresses, those of the metadata services of clouds
//     (address.go lists both, with reasons), unspecified, multicast, broadcast
//     and reserved ones.
//   - A private address, loopback included, after a redirect from a public one
//     ([AfterPublic]).
//   - A private address of a name for which this Guard has seen a public one, in
//     the same answer or an earlier one, because of DNS rebinding.
//   - Any private address if Options.DenyPrivate is set, except those in
//     Options.AllowPrivate.
//
// An address is private if the special-purpose registries of IANA do not call it
// globally reachable, as in code.dny.dev/ssrf: RFC 1918, unique local (RFC 4193),
// shared (RFC 6598), loopback, documentation and so on. An IPv6 address that contains
// an IPv4 address (mapped, NAT64, 6to4, Teredo) is checked as the IPv4 address.
//
// # When
//
// After resolution: the checked addresses are those that are dialled, and no name is
// resolved in between. All addresses of an answer are checked before the first one is
// dialled, and refused ones are not dialled. The dialer's Control checks each address
// once more. A connection remembers its address, so that a pooled connection can be
// checked for another request ([Guard.Check]).
//
// With a proxy, the address of the proxy is checked. The Guard cannot check where the
// proxy connects, except for hosts that are written as addresses ([Guard.CheckHost]), in
// any form that somebody reads as one.
//
// # Concurrency
//
// A Guard and its [Places] are safe for concurrent use. DialContext starts a goroutine
// for each address that it tries, and waits for all of them. The lock guards the names
// that had a public address; nothing waits while it is held. A Guard keeps each name
// that was dialled, so the caller bounds their number.
package guard
