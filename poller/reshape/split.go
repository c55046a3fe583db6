package reshape

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/polluxhub/pollux/poller"
)

// maxParts is how many parts a document can be split into: ten times as many as one
// request asks for.
const maxParts = 10 * poller.MaxBatch

// Splitter makes parts of one document. It is safe for concurrent use.
type Splitter struct{ program *program }

// NewSplit compiles a program whose every result is an object {"key": …, "value": …}:
// a string or a number, and the document of that key. The error of a wrong program says
// where it is wrong. Options bound one run, and Options.MaxBytes all parts together.
func NewSplit(program string, opts Options) (*Splitter, error) {
	p, err := newProgram(program, opts, words{setting: "split", class: classSelect})
	if err != nil {
		return nil, err
	}
	return &Splitter{program: p}, nil
}

// Split runs the program on a compact document, see [poller.Keys], and returns its
// parts in order; there may be none. It returns when ctx ends. Errors are as those of
// [Reshaper.Reshape].
func (s *Splitter) Split(ctx context.Context, doc []byte) (parts []poller.Part, err error) {
	w := s.program.words
	defer w.catch(&err)
	room := s.program.opts.MaxBytes
	err = s.program.run(ctx, doc, func(value any) (more bool, err error) {
		if len(parts) == maxParts {
			return false, w.failure(classTooLarge, fmt.Sprintf("%%s returned more than %d parts", maxParts))
		}
		members, ok := value.(map[string]any)
		content, hasValue := members["value"]
		if !ok || !hasValue || len(members) != 2 {
			return false, w.failure(classSelect, `%s returned something else than {key, value}, for example with .quotes[] | {key: .symbol, value: .}`)
		}
		key, ok := keyOf(members["key"])
		if !ok {
			return false, w.failure(classSelect, "%s returned a key that is neither a string nor a number")
		}
		part, err := encode(content, s.program.opts.MaxBytes, w)
		if err != nil {
			return false, err
		}
		if room -= len(key) + len(part); room < 0 {
			return false, w.resultFailure(classTooLarge, fmt.Sprintf("has more than %d bytes", s.program.opts.MaxBytes))
		}
		parts = append(parts, poller.Part{Key: key, Document: part})
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return parts, nil
}

// keyOf returns a key as text: a number has the digits with which it was written.
func keyOf(value any) (key string, ok bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), len(value) <= maxDigits
	case int:
		return fmt.Sprint(value), true
	case *big.Int:
		return value.String(), value.BitLen() <= maxBits
	case float64:
		text, err := json.Marshal(value)
		return string(text), err == nil
	}
	return "", false
}
