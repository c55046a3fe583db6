package document

import "encoding/json"

// Encode returns a value as JSON. A []byte or json.RawMessage is JSON already, and is
// returned as it is; encoding/json encodes any other value. See Compact for whether the
// result is a document.
func Encode(value any) ([]byte, error) {
	switch text := value.(type) {
	case []byte:
		return text, nil
	case json.RawMessage:
		return text, nil
	}
	return json.Marshal(value)
}
