package load

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"net/rpc"
	"net/rpc/jsonrpc"
	"time"
)

// openTimeout bounds one Open, however many clients it makes.
const openTimeout = 5 * time.Minute

// Service is a Fleet and its Driver in a process of their own, so that neither
// the collector nor the heap of whoever conducts the measurement has a part in
// it. Its methods are called over a pipe, one at a time.
type Service struct {
	fleet  *Fleet
	driver *Driver

	watched *phase // that Watch has begun
}

// Setup says what a Service works on.
type Setup struct {
	Server  string            `json:"server"` // address and port
	Path    string            `json:"path"`   // of the stream
	Publish string            `json:"publish"`
	Header  map[string]string `json:"header"` // of a publish
	Gzip    bool              `json:"gzip"`
	Offset  int               `json:"offset"`
}

// None is the argument, or the answer, of a method that needs none.
type None struct{}

// OpenArgs is how many clients to open.
type OpenArgs struct {
	Clients int  `json:"clients"`
	Stall   bool `json:"stall"`
}

// WatchArgs is which events will come, published by somebody else.
type WatchArgs struct {
	First uint32 `json:"first"`
	Most  int    `json:"most"`
}

// Serve answers calls on connection until it ends.
func Serve(connection io.ReadWriteCloser) error {
	s := new(Service)
	server := rpc.NewServer()
	if err := server.RegisterName("Load", s); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(connection))
	if s.fleet == nil {
		return nil
	}
	return s.fleet.Close()
}

// Setup must be called first, and once.
func (s *Service) Setup(setup Setup, _ *None) error {
	if s.fleet != nil {
		return errors.New("load: set up already")
	}
	server, err := netip.ParseAddrPort(setup.Server)
	if err != nil {
		return err
	}
	s.fleet, err = NewFleet(Options{
		Server: server,
		Path:   setup.Path,
		Gzip:   setup.Gzip,
		Offset: setup.Offset,
	})
	if err != nil {
		return err
	}
	s.driver = NewDriver(s.fleet, NewPublisher("http://"+setup.Server+setup.Publish, setup.Header))
	return nil
}

// Open opens clients.
func (s *Service) Open(args OpenArgs, answer *Opened) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	*answer, err = s.fleet.Open(ctx, args.Clients, args.Stall)
	return err
}

// Disconnect closes all clients.
func (s *Service) Disconnect(None, *None) error { return s.driver.Disconnect() }

// Counts tells how many clients there are.
func (s *Service) Counts(_ None, answer *Counts) (err error) {
	*answer, err = s.fleet.Counts()
	return err
}

// Next returns the number of the next event.
func (s *Service) Next(_ None, answer *uint32) error {
	*answer = s.driver.Next()
	return nil
}

// Paced publishes events at fixed times.
func (s *Service) Paced(args Paced, answer *Report) (err error) {
	*answer, err = s.driver.Paced(context.Background(), args)
	return err
}

// Documents publishes the reference document.
func (s *Service) Documents(args Documents, answer *Report) (err error) {
	*answer, err = s.driver.Documents(context.Background(), args)
	return err
}

// Burst publishes events back to back.
func (s *Service) Burst(args Burst, answer *Report) (err error) {
	*answer, err = s.driver.Burst(context.Background(), args)
	return err
}

// Watch begins to look for events that somebody else publishes.
func (s *Service) Watch(args WatchArgs, _ *None) (err error) {
	s.watched, err = s.fleet.begin(args.First, args.Most, nil)
	return err
}

// Watched ends Watch, once all events are there. The argument is how many were published.
func (s *Service) Watched(published int, answer *Report) (err error) {
	if s.watched == nil {
		return errors.New("load: nothing is watched")
	}
	s.watched.await(published)
	s.watched = nil
	*answer, err = s.fleet.end(published, true)
	return err
}
