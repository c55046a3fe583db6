package natslog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/polluxhub/pollux/hub"
)

// The headers of a message. A reader ignores those that it does not know, so another
// version may add some.
const (
	previousHeader = "Pollux-Previous" // the sequence of the document before in the same stream, or 0
	sumHeader      = "Pollux-Sum"      // CRC-32C of the body
	floorHeader    = "Pollux-Floor"    // up to where documents before it may have been removed; only of the first in a stream
	writerHeader   = "Pollux-Writer"   // the process that has written the message, if others write too
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The reasons why a message is skipped.
var (
	errForeign = errors.New("natslog: not a message of Pollux")
	errBroken  = errors.New("natslog: a message of Pollux that is damaged")
)

// storedStatus is the body of a status. Fields that are not known are ignored.
type storedStatus struct {
	State       hub.State `json:"state"`
	Since       time.Time `json:"since"`
	LastSuccess time.Time `json:"lastSuccess"`
	Error       string    `json:"error,omitempty"`
}

// seal returns the message for m, whose predecessor has the sequence number.
func seal(prefix string, m hub.Message, previous uint64) (*nats.Msg, error) {
	if m.Stream == "" {
		m.Stream = hub.DefaultStream
	}
	kind, body := documentKind, m.Data
	if m.Status != nil {
		kind = statusKind
		var err error
		if body, err = json.Marshal(storedStatus(*m.Status)); err != nil {
			return nil, fmt.Errorf("%w: %w", hub.ErrInvalidMessage, err)
		}
	}
	return sealed(subject{kind, m.Stream}.text(prefix), body, previous), nil
}

func sealed(to string, body []byte, previous uint64) *nats.Msg {
	msg := nats.NewMsg(to)
	msg.Data = body
	msg.Header.Set(previousHeader, strconv.FormatUint(previous, 10))
	msg.Header.Set(sumHeader, sum(body))
	return msg
}

func sum(body []byte) string {
	return strconv.FormatUint(uint64(crc32.Checksum(body, castagnoli)), 16)
}

// onceID names a message by its epoch and the name of its publication, and not by its predecessor:
// a client that publishes it again, perhaps at another node, does not know where it was stored.
func onceID(epoch, once string, msg *nats.Msg) string {
	h := sha256.New()
	fmt.Fprintf(h, "once\n%s\n%s\n%d\n%s", epoch, msg.Subject, len(once), once)
	h.Write(msg.Data)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// unseal returns what a message says. The error is errForeign or errBroken, wrapped with the
// reason.
func unseal(prefix, text string, header nats.Header, body []byte) (from subject, previous uint64, err error) {
	from, ok := parseSubject(prefix, text)
	if !ok {
		return from, 0, fmt.Errorf("%w: subject %.200q", errForeign, text)
	}
	previous, err = check(header, body)
	return from, previous, err
}

// check is unseal without the subject.
func check(header nats.Header, body []byte) (previous uint64, err error) {
	if previous, err = strconv.ParseUint(header.Get(previousHeader), 10, 64); err != nil {
		return 0, fmt.Errorf("%w: no %s", errForeign, previousHeader)
	}
	switch header.Get(sumHeader) {
	case "":
		return 0, fmt.Errorf("%w: no %s", errForeign, sumHeader)
	case sum(body):
		return previous, nil
	}
	return 0, fmt.Errorf("%w: %s does not match", errBroken, sumHeader)
}

// floorOf returns the floor that a message has, or 0.
func floorOf(header nats.Header) uint64 {
	floor, err := strconv.ParseUint(header.Get(floorHeader), 10, 64)
	if err != nil {
		return 0
	}
	return floor
}

// message returns what was published to a subject.
func message(from subject, body []byte) (hub.Message, error) {
	if from.kind != statusKind {
		return hub.Message{Stream: from.stream, Data: body}, nil
	}
	var s storedStatus
	if err := json.Unmarshal(body, &s); err != nil {
		return hub.Message{}, fmt.Errorf("%w: %w", errForeign, err)
	}
	status := hub.Status(s)
	return hub.Message{Stream: from.stream, Status: &status}, nil
}
