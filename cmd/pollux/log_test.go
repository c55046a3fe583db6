package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"github.com/polluxhub/pollux/cmd/pollux/config"
)

// Attack: text from outside that a terminal would obey. In both formats a record is one
// line of printable characters, and in JSON it means the same.
func TestControlCharactersInTheLog(t *testing.T) {
	attack := "a\x1b[2J\r\n\x00\x7f\u009b31m\u0085\u202egnp.exe\u2066 é 漢 \xff\n{\"level\":\"ERROR\"}"
	for _, format := range []string{"json", "text"} {
		var out bytes.Buffer
		level := "info"
		logger := slog.New(logHandler(&serveCommand{Flags: config.Flags{Config: config.Config{LogFormat: &format, LogLevel: &level}}}, &out))
		logger.Info("attack", "text", attack, attack, "name")
		record := out.String()
		if strings.Count(record, "\n") != 1 || !strings.HasSuffix(record, "\n") {
			t.Errorf("%s: not one line: %q", format, record)
		}
		if i := strings.IndexFunc(strings.TrimSuffix(record, "\n"), func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }); i >= 0 {
			t.Errorf("%s: a terminal would obey %q", format, record[i:])
		}
		if format == "text" {
			continue
		}
		var got map[string]any
		want := strings.ToValidUTF8(attack, "\ufffd")
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["text"] != want {
			t.Errorf("got %q, %v, want %q", got["text"], err, want)
		}
	}
}
