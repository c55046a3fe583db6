// Package beside connects to NATS servers outside the program.
//
// Start tries each server once, so that wrong credentials and certificates end the
// program with the reason. A server that cannot be reached is not a reason to end: the
// connection is made as soon as a server can be reached. Whenever the connection is lost,
// it is made again, with attempts at random intervals and without end.
//
// Files are read again for each connection, so credentials and certificates can be
// replaced while the program runs. No error and no log has what they contain.
//
// # Goroutines
//
// Start and Connect start those of package nats, which end with the connection.
package beside
