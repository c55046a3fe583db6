package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// staticPrefix begins each token that NewStatic makes, so that scanners for leaked
// secrets can find it.
const staticPrefix = "pollux_"

// MaxStatic is the largest number of static tokens.
const MaxStatic = 10_000

// Static is a token that is not a JWT, without the token itself: only its digest is
// kept. The digest needs no salt and no slow function, because NewStatic draws tokens
// that nobody can guess.
type Static struct {
	Name               string // for people
	Digest             Holder
	Subscribe, Publish Patterns
	Expires            time.Time // zero means never
}

// NewStatic draws a token of at least 128 random bits, and sets the digest of s to its digest. The
// token is not kept anywhere.
func NewStatic(s Static) (token string, made Static) {
	token = staticPrefix + rand.Text()
	s.Digest = HolderOf(token)
	return token, s
}

const digestPrefix = "sha256:"

// Line returns the token as a line for ParseStatic.
func (s Static) Line() string {
	line := s.Name + " " + digestPrefix + hex.EncodeToString(s.Digest[:])
	if len(s.Subscribe) > 0 {
		line += " subscribe=" + strings.Join(s.Subscribe, ",")
	}
	if len(s.Publish) > 0 {
		line += " publish=" + strings.Join(s.Publish, ",")
	}
	if !s.Expires.IsZero() {
		line += " expires=" + s.Expires.UTC().Format(time.RFC3339)
	}
	return line
}

// Check returns nil for a name and patterns that a line can hold.
func (s Static) Check() error {
	unfit := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if s.Name == "" || strings.ContainsFunc(s.Name, unfit) || strings.HasPrefix(s.Name, "#") {
		return errors.New("want a name without spaces and control characters that does not begin with #")
	}
	for _, name := range slices.Concat(s.Subscribe, s.Publish) {
		if name == "" || strings.Contains(name, ",") || strings.ContainsFunc(name, unfit) {
			return errors.New("want names of streams without spaces, commas and control characters")
		}
	}
	return errors.Join(s.Subscribe.check(), s.Publish.check())
}

// ParseStatic parses lines such as
//
//	NAME sha256:HEX subscribe=prices/*,news publish=orders expires=2030-01-31T00:00:00Z
//
// of which everything after the digest is optional. Empty lines, and lines that begin
// with #, are ignored. The error names the line and what would be right, and quotes
// nothing of it, because a token may stand there by mistake.
func ParseStatic(text string) ([]Static, error) {
	var all []Static
	names := make(map[string]bool)
	digests := make(map[Holder]bool)
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		s, err := parseStatic(fields)
		switch {
		case err != nil:
		case names[s.Name]:
			err = errors.New("the name is taken by a line above")
		case digests[s.Digest]:
			err = errors.New("the digest is in a line above")
		case len(all) == MaxStatic:
			err = fmt.Errorf("want at most %d tokens", MaxStatic)
		}
		if err != nil {
			return nil, fmt.Errorf("auth: line %d: %w", number, err)
		}
		names[s.Name], digests[s.Digest] = true, true
		all = append(all, s)
	}
	return all, nil
}

func parseStatic(fields []string) (Static, error) {
	s := Static{Name: fields[0]}
	if len(fields) < 2 || !strings.HasPrefix(fields[1], digestPrefix) {
		return s, errors.New("want NAME sha256:DIGEST, as pollux token prints it; a token itself does not belong here")
	}
	digest, err := hex.DecodeString(strings.TrimPrefix(fields[1], digestPrefix))
	if err != nil || len(digest) != sha256.Size {
		return s, errors.New("want a digest of 64 hexadecimal digits")
	}
	s.Digest = Holder(digest)
	seen := make(map[string]bool)
	for _, field := range fields[2:] {
		key, value, _ := strings.Cut(field, "=")
		if seen[key] {
			return s, errors.New("want subscribe, publish and expires once each")
		}
		seen[key] = true
		switch key {
		case "subscribe":
			s.Subscribe = strings.Split(value, ",")
		case "publish":
			s.Publish = strings.Split(value, ",")
		case "expires":
			s.Expires, err = time.Parse(time.RFC3339, value)
			// The zero time would be for ever, and a line has four digits for the year.
			if year := s.Expires.UTC().Year(); err != nil || year < 1970 || year > 9999 {
				return s, errors.New("want expires as 2030-01-31T00:00:00Z")
			}
		default:
			return s, errors.New("want subscribe=NAME,…, publish=NAME,… or expires=TIME after the digest")
		}
	}
	return s, s.Check()
}
