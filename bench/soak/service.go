package soak

import (
	"errors"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"time"
)

// Service is a crowd in a process of its own. Its methods are called over a pipe, one at
// a time.
type Service struct{ crowd *crowd }

// Start says which clients to make.
type Start struct {
	Server  string `json:"server"` // address and port
	TLS     bool   `json:"tls"`
	First   int    `json:"first"` // the number of the first client
	Clients int    `json:"clients"`
	Churn   int    `json:"churn"`   // that leave in a second
	Stalled int    `json:"stalled"` // that read nothing, beside the others
}

// Finish says how a run ends.
type Finish struct {
	Last     int           `json:"last"` // the number of the last document
	Patience time.Duration `json:"patience"`
}

// None is the argument, or the answer, of a method that needs none.
type None struct{}

// Serve answers calls on connection until it ends.
func Serve(connection io.ReadWriteCloser) error {
	s := new(Service)
	server := rpc.NewServer()
	if err := server.RegisterName("Soak", s); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(connection))
	if s.crowd != nil {
		s.crowd.stop()
		s.crowd.running.Wait()
	}
	return nil
}

// Start must be called first, and once.
func (s *Service) Start(start Start, _ *None) error {
	if s.crowd != nil {
		return errors.New("soak: started already")
	}
	s.crowd = newCrowd(start)
	s.crowd.start(start.Churn)
	return nil
}

// Acknowledged says that the document with this number was published, and returns what
// was seen so far.
func (s *Service) Acknowledged(n int, answer *Counts) error {
	s.crowd.acknowledged.Store(int64(n))
	*answer = s.crowd.result()
	return nil
}

// Finish ends the clients once each has everything.
func (s *Service) Finish(finish Finish, answer *Counts) error {
	s.crowd.finish(finish.Last, finish.Patience)
	*answer = s.crowd.result()
	return nil
}
