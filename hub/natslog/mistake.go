package natslog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Codes of JetStream that package jetstream does not name.
const (
	codeSubjectOverlap = 10065 // another stream has the subjects
	codeNoReplicas     = 10074 // the server is not one of a cluster
)

// errSubjects says that a stream of the name is there for something else.
var errSubjects = errors.New("natslog: the stream exists, and has other subjects")

// asMistake returns an error of opening the stream as ErrStart if it does not pass by waiting.
func asMistake(conn *nats.Conn, err error) error {
	var api *jetstream.APIError
	refused := conn.LastError()
	switch {
	case errors.Is(refused, nats.ErrPermissionViolation):
		return fmt.Errorf("%w: %w", ErrStart, refused)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, errSubjects),
		errors.As(err, &api) && slices.Contains([]jetstream.ErrorCode{codeSubjectOverlap, codeNoReplicas}, api.ErrorCode):
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	return err
}
