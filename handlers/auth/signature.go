package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// SignatureHeader is the header with the signature, as GitHub sends it with webhooks:
// sha256= and the HMAC-SHA256 (RFC 2104) of the body in hex.
const SignatureHeader = "X-Hub-Signature-256"

// Signature accepts requests whose body is signed with one secret. The zero value
// refuses each request.
type Signature struct{ secret string }

// NewSignature returns a Signature for the secret. White space around it is removed, as
// by NewBearer. An empty secret makes a Signature that refuses each request.
func NewSignature(secret string) Signature { return Signature{strings.TrimSpace(secret)} }

// Check checks the signature of a body, which it reads to its end but does not keep. It
// returns nil, ErrDisabled, ErrMissing, ErrWrong or an error of body, and takes the same
// time for each wrong signature of one body. If the header is missing or malformed, it
// does not read the body.
func (s Signature) Check(header http.Header, body io.Reader) error {
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

// Format keeps the secret out of logs for each verb.
func (s Signature) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Signature") }
