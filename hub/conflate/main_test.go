package conflate_test

import (
	"testing"

	"github.com/polluxhub/pollux/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }
