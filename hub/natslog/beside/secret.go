package beside

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 64 << 10

// readSecret returns the text of a file without the white space around it. The error does not
// quote it.
func readSecret(file string) (string, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	switch {
	case secret == "":
		return "", fmt.Errorf("%s: %w", file, errors.New("the file is empty"))
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s: more than %d bytes", file, maxSecret)
	}
	return secret, nil
}

// checkCredentials returns an error for a file that has no credentials of a user.
func checkCredentials(file string) error {
	text, err := readSecret(file)
	if err == nil && (!strings.Contains(text, "BEGIN NATS USER JWT") || !strings.Contains(text, "BEGIN USER NKEY SEED")) {
		err = fmt.Errorf("%s: want the credentials of a NATS user, with a JWT and a seed", file)
	}
	return err
}

// checkAuthorities returns an error for a file without certificates.
func checkAuthorities(file string) error {
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s: want a PEM file with certificates", file)
	}
	return err
}
