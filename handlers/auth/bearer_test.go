package auth_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers/auth"
)

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name, token string
		header      []string
		want        error
	}{
		{"right", "t", []string{"Bearer t"}, nil},
		{"scheme in lower case", "t", []string{"bearer t"}, nil},
		{"spaces", "t", []string{"Bearer   t "}, nil},
		{"newline at the end of the configured", "t\n", []string{"Bearer t"}, nil},
		{"other characters", "a+/~._-=", []string{"Bearer a+/~._-="}, nil},
		{"spaces inside", "a b", []string{"Bearer a b"}, nil},
		{"long", strings.Repeat("x", 1<<16), []string{"Bearer " + strings.Repeat("x", 1<<16)}, nil},
		{"wrong", "t", []string{"Bearer T"}, auth.ErrWrong},
		{"prefix", "token", []string{"Bearer toke"}, auth.ErrWrong},
		{"longer", "token", []string{"Bearer tokens"}, auth.ErrWrong},
		{"no header", "t", nil, auth.ErrMissing},
		{"empty", "t", []string{""}, auth.ErrMissing},
		{"scheme alone", "t", []string{"Bearer"}, auth.ErrMissing},
		{"scheme and space", "t", []string{"Bearer "}, auth.ErrMissing},
		{"token alone", "t", []string{"t"}, auth.ErrMissing},
		{"another scheme", "t", []string{"Basic t"}, auth.ErrMissing},
		{"glued", "t", []string{"Bearert"}, auth.ErrMissing},
		{"space before", "t", []string{" Bearer t"}, auth.ErrMissing},
		{"twice", "t", []string{"Bearer t", "Bearer t"}, auth.ErrMissing},
		{"off", "", []string{"Bearer t"}, auth.ErrDisabled},
		{"off, empty token", "", []string{"Bearer "}, auth.ErrDisabled},
		{"off, no header", "", nil, auth.ErrDisabled},
		{"off by white space", " \n", []string{"Bearer  "}, auth.ErrDisabled},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{"Authorization": test.header}
			if err := auth.NewBearer(test.token).Check(header); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	if err := (auth.Bearer{}).Check(http.Header{"Authorization": {"Bearer "}}); !errors.Is(err, auth.ErrDisabled) {
		t.Errorf("zero value: %v", err)
	}
}

// No way of printing shows the token or its digest, from which a weak token could be
// guessed.
func TestNothingPrintsTheSecret(t *testing.T) {
	b := auth.NewBearer("t0ken")
	nested := struct{ Publish auth.Bearer }{b}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%t"} {
		texts = append(texts, fmt.Sprintf(verb, b), fmt.Sprintf(verb, &b), fmt.Sprintf(verb, nested))
	}
	encoded, err := json.Marshal(nested)
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, string(encoded), b.Check(http.Header{"Authorization": {"Bearer t0ken2"}}).Error())
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "bearer", b, "nested", nested)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "bearer", b, "nested", nested)
	texts = append(texts, log.String())
	digest := sha256.Sum256([]byte("t0ken"))
	decimal := fmt.Sprint(digest[:4])
	for _, text := range texts {
		for _, secret := range []string{"t0ken", "74306B656E", "74306b656e", fmt.Sprintf("%x", digest[:4]),
			fmt.Sprintf("%X", digest[:4]), decimal[1 : len(decimal)-1]} {
			if strings.Contains(text, secret) {
				t.Errorf("%q holds the secret", text)
			}
		}
	}
}
