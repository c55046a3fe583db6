package auth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/polluxhub/pollux/handlers/auth"
)

// The example in GitHub's documentation, "Validating webhook deliveries".
const (
	githubSecret    = "It's a Secret to Everybody"
	githubBody      = "Hello, World!"
	githubSignature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
)

func TestSignature(t *testing.T) {
	for _, test := range []struct {
		name, secret, body string
		header             []string
		want               error
	}{
		{"as GitHub says", githubSecret, githubBody, []string{githubSignature}, nil},
		{"newline behind the secret", githubSecret + "\n", githubBody, []string{githubSignature}, nil},
		{"capital digits", githubSecret, githubBody, []string{"sha256=" + strings.ToUpper(githubSignature[7:])}, nil},
		{"no body", "key", "", []string{"sha256=5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0"}, nil},
		{"another body", githubSecret, githubBody + " ", []string{githubSignature}, auth.ErrWrong},
		{"another secret", "It's no Secret", githubBody, []string{githubSignature}, auth.ErrWrong},
		{"first digit", githubSecret, githubBody, []string{"sha256=8" + githubSignature[8:]}, auth.ErrWrong},
		{"last digit", githubSecret, githubBody, []string{githubSignature[:70] + "8"}, auth.ErrWrong},
		{"zeros", githubSecret, githubBody, []string{"sha256=" + strings.Repeat("0", 64)}, auth.ErrWrong},
		{"none", githubSecret, githubBody, nil, auth.ErrMissing},
		{"empty", githubSecret, githubBody, []string{""}, auth.ErrMissing},
		{"name alone", githubSecret, githubBody, []string{"sha256="}, auth.ErrMissing},
		{"digits alone", githubSecret, githubBody, []string{githubSignature[7:]}, auth.ErrMissing},
		{"a digit too few", githubSecret, githubBody, []string{githubSignature[:70]}, auth.ErrMissing},
		{"a byte too few", githubSecret, githubBody, []string{githubSignature[:69]}, auth.ErrMissing},
		{"a byte too many", githubSecret, githubBody, []string{githubSignature + "00"}, auth.ErrMissing},
		{"no digits", githubSecret, githubBody, []string{"sha256=" + strings.Repeat("g", 64)}, auth.ErrMissing},
		{"another hash", githubSecret, githubBody, []string{"sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59"}, auth.ErrMissing},
		{"space before", githubSecret, githubBody, []string{" " + githubSignature}, auth.ErrMissing},
		{"two in one", githubSecret, githubBody, []string{githubSignature + "," + githubSignature}, auth.ErrMissing},
		{"twice", githubSecret, githubBody, []string{githubSignature, githubSignature}, auth.ErrMissing},
		{"right and wrong", githubSecret, githubBody, []string{githubSignature, "sha256=" + strings.Repeat("0", 64)}, auth.ErrMissing},
		{"off", "", githubBody, []string{githubSignature}, auth.ErrDisabled},
		{"off, signed with nothing", "", "", []string{"sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"}, auth.ErrDisabled},
		{"off by white space", " \n", githubBody, []string{githubSignature}, auth.ErrDisabled},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{auth.SignatureHeader: test.header}
			s := auth.NewSignature(test.secret)
			if err := s.Check(header, strings.NewReader(test.body)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if err := s.Check(header, iotest.OneByteReader(strings.NewReader(test.body))); !errors.Is(err, test.want) {
				t.Errorf("byte by byte: got %v, want %v", err, test.want)
			}
		})
	}
	if err := (auth.Signature{}).Check(http.Header{}, http.NoBody); !errors.Is(err, auth.ErrDisabled) {
		t.Errorf("zero value: %v", err)
	}
}

// A body that ends early is an error. A body is not read if the header alone is wrong.
func TestSignatureOfABodyThatFails(t *testing.T) {
	s := auth.NewSignature(githubSecret)
	broken := io.MultiReader(strings.NewReader(githubBody), iotest.ErrReader(io.ErrUnexpectedEOF))
	if err := s.Check(http.Header{auth.SignatureHeader: {githubSignature}}, broken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if err := s.Check(http.Header{}, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, auth.ErrMissing) {
		t.Errorf("without a signature: %v", err)
	}
	if err := (auth.Signature{}).Check(http.Header{auth.SignatureHeader: {githubSignature}}, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, auth.ErrDisabled) {
		t.Errorf("off: %v", err)
	}
}

func TestNothingPrintsTheSecretOfASignature(t *testing.T) {
	s := auth.NewSignature("t0psecret")
	nested := struct{ Poll auth.Signature }{s}
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%t"} {
		fmt.Fprintf(&text, verb+verb+verb, s, &s, nested)
	}
	encoded, err := json.Marshal(nested)
	if err != nil {
		t.Fatal(err)
	}
	text.Write(encoded)
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "signature", s, "nested", nested)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "signature", s, "nested", nested)
	fmt.Fprint(&text, s.Check(http.Header{auth.SignatureHeader: {githubSignature}}, http.NoBody))
	for _, secret := range []string{"t0psecret", fmt.Sprintf("%x", "t0ps"), fmt.Sprintf("%X", "t0ps"), "116 48 112"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("%q holds the secret", text.String())
		}
	}
}
