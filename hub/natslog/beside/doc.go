// Package beside connects to NATS servers that belong to others.
//
// Start tries each server once, so that wrong credentials and certificates end the program
// with the reason. A server that cannot be reached is no reason: the connection is made when
// there is one, and made again without end, at random intervals, whenever it is lost.
//
// Files are read again for each connection, so credentials and certificates can be replaced
// while the program runs. What they contain is in no error and in no log.
//
// # Goroutines
//
// Start and Connect start those of package nats, which end with the connection.
package beside
