package reshape

import (
	"encoding/json"
	"math/big"

	"github.com/polluxhub/pollux/hub/document"
)

// Limits of an intermediate value.
const (
	weightFactor  = 4             // times MaxBytes: the weight of a value
	elementFactor = 4             // how many times fewer elements an array or object may have
	maxDigits     = 1000          // of a number in a calculation: gojq takes quadratic time to parse it
	maxBits       = 4 * maxDigits // of an integer that was calculated
	maxIndex      = 1 << 20       // of an array that is written to
	maxPath       = document.MaxDepth
	maxSubject    = 64 << 10 // bytes to match with a regular expression: each match takes a kilobyte
	maxPairs      = 1 << 26  // product of two weights, where each part of one meets each of the other
)

// heavyError says what was refused, without its content. A program can catch it like
// any other error: the refused value has not been made.
type heavyError struct{ what string }

func (e *heavyError) Error() string { return e.what }

var (
	errWeight  = &heavyError{"a value on the way is too large"}
	errDepth   = &heavyError{"a value on the way is nested too deep"}
	errNumber  = &heavyError{"a number has too many digits to be calculated with"}
	errIndex   = &heavyError{"an index of an array is too large"}
	errPath    = &heavyError{"a path is too long"}
	errSubject = &heavyError{"a string is too long for a regular expression"}
	errPairs   = &heavyError{"two values are too large to be compared part by part"}
)

// fits checks the first level of a value.
func fits(value any, limit int) error {
	switch v := value.(type) {
	case string:
		if len(v) > limit {
			return errWeight
		}
	case []any: // each element takes 16 bytes, whatever it weighs
		if len(v) > limit/elementFactor {
			return errWeight
		}
	case map[string]any:
		if len(v) > limit/elementFactor {
			return errWeight
		}
	case json.Number:
		if len(v) > maxDigits {
			return errNumber
		}
	case *big.Int:
		if v.BitLen() > maxBits {
			return errNumber
		}
	}
	return nil
}

// weigh estimates the size of the value as JSON, in bytes, and never returns more than
// that. It stops at the limit.
func weigh(value any, limit int) (weight int, err error) {
	s := scales{limit: limit}
	err = s.add(value, 0)
	return s.weight, err
}

type scales struct{ weight, limit int }

func (s *scales) add(value any, depth int) error {
	if depth > document.MaxDepth {
		return errDepth
	}
	if err := fits(value, s.limit); err != nil {
		return err
	}
	s.weight++
	switch v := value.(type) {
	case string:
		s.weight += len(v)
	case json.Number:
		s.weight += len(v)
	case *big.Int:
		s.weight += v.BitLen() / 4
	case []any:
		for _, element := range v {
			if err := s.add(element, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, member := range v {
			s.weight += len(key) + 1
			if err := s.add(member, depth+1); err != nil {
				return err
			}
		}
	}
	if s.weight > s.limit {
		return errWeight
	}
	return nil
}
