package document_test

import (
	"encoding/json"
	"testing"

	"github.com/polluxhub/pollux/hub/document"
)

func TestEncode(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{[]byte(`{"n": 1.0}`), `{"n": 1.0}`},
		{json.RawMessage(`{"n": 1.0}`), `{"n": 1.0}`},
		{[]byte(`no JSON`), `no JSON`},
		{map[string]int{"n": 1}, `{"n":1}`},
		{"text", `"text"`},
		{nil, `null`},
	} {
		got, err := document.Encode(test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("%v: %s, %v, want %s", test.value, got, err, test.want)
		}
	}
	if _, err := document.Encode(func() {}); err == nil {
		t.Error("a function is encoded")
	}
}
