// Package listen has what connections need to reach Pollux: addresses, sockets and certificates.
//
// [TLS] says where certificates come from. [NewKeeper] returns a [Keeper], which holds
// the certificate that is in force. It starts nothing: Keeper.Run looks for newer
// certificates until its context ends. A handshake never waits for a file. All types are
// safe for concurrent use.
package listen
