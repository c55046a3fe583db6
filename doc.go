// Package pollux is the assembled program as a library: it polls an API once and
// streams every change to everyone, as Server-Sent Events.
package pollux
