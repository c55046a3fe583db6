package hub_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

func TestParseID(t *testing.T) {
	const epoch18 = "abcdefghij01234567"
	for _, test := range []struct {
		text string
		ok   bool
	}{
		{"a-1", true},
		{"Z9-10", true},
		{epoch18 + "-18446744073709551615", true},
		{"", false},
		{"-", false},
		{"a-", false},
		{"-1", false},
		{"a-0", true},
		{"a-00", false},
		{"a-01", false},
		{"a-+1", false},
		{"a- 1", false},
		{"a--1", false},
		{"a-1-1", false},
		{"a-1x", false},
		{"a.b-1", false},
		{"é-1", false},
		{"a\x00-1", false},
		{"a-18446744073709551616", false},
		{epoch18 + "8-1", false},
		{strings.Repeat("a", 64<<10) + "-1", false},
	} {
		id, err := hub.ParseID(test.text)
		if test.ok && (err != nil || id.String() != test.text) {
			t.Errorf("ParseID(%.40q) = %v, %v", test.text, id, err)
		}
		if !test.ok && (!errors.Is(err, hub.ErrInvalidID) || !id.IsZero()) {
			t.Errorf("ParseID(%.40q) = %v, %v, want ErrInvalidID", test.text, id, err)
		}
	}
}

// IDs on the wire have less than 40 bytes.
func TestLongestID(t *testing.T) {
	id, err := hub.NewID("abcdefghij01234567", 1<<64-1)
	if err != nil || len(id.String()) != 39 {
		t.Fatalf("longest ID %v has %d bytes, %v", id, len(id.String()), err)
	}
}

func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"", "a-1", "a-01", "a-0", "--1", "a-18446744073709551616", "7f3c-12"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := hub.ParseID(text)
		if err == nil && id.String() != text {
			t.Fatalf("%q became %q", text, id)
		}
		if err != nil && !id.IsZero() {
			t.Fatalf("%q: an error, and ID %v", text, id)
		}
	})
}
