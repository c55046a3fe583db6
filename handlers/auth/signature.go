package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// SignatureHeader is the field that carries a signature, as GitHub sends it with
// its webhooks: sha256= and the HMAC-SHA256 (RFC 2104) of the body in hex.
const SignatureHeader = "X-Hub-Signature-256"

// Signature lets in whoever signs the body of a request with one secret. The zero
// value lets in nobody.
type Signature struct{ secret string }

// NewSignature returns a Signature for the secret. White space around it does not
// count, as with NewBearer. An empty secret lets in nobody.
func NewSignature(secret string) Signature { return Signature{strings.TrimSpace(secret)} }

// Check judges the signature of a body. It returns nil, ErrDisabled, ErrMissing
// or ErrWrong, and takes the same time for every wrong signature of one body.
func (s Signature) Check(header http.Header, body []byte) error {
	return s.CheckFrom(header, bytes.NewReader(body))
}

// CheckFrom is Check for a body that is read to its end and not kept. It does not
// read where the header is enough to refuse. It also returns the errors of body.
func (s Signature) CheckFrom(header http.Header, body io.Reader) error {
	if s.secret == "" {
		return ErrDisabled
	}
	values := header.Values(SignatureHeader)
	if len(values) != 1 {
		return ErrMissing
	}
	text, found := strings.CutPrefix(values[0], "sha256=")
	given, err := hex.DecodeString(text)
	if !found || err != nil || len(given) != sha256.Size {
		return ErrMissing
	}
	mac := hmac.New(sha256.New, []byte(s.secret))
	if _, err := io.Copy(mac, body); err != nil {
		return err
	}
	if !hmac.Equal(given, mac.Sum(nil)) {
		return ErrWrong
	}
	return nil
}

// Format keeps the secret out of logs, whatever the verb.
func (s Signature) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Signature") }
