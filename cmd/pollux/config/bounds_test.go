package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/handlers/auth"
)

// repeat joins n numbered lines or entries.
func repeat(n int, format, separator string) string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(entries, separator)
}

// TestBounds has, for each value with bounds, the last valid value and the first
// invalid one at each end.
func TestBounds(t *testing.T) {
	const url = "streams: [{name: a, url: 'https://a.example', %s}]"
	inStream := func(key string) string { return fmt.Sprintf(url, key+": %s") }
	inKeys := func(key string) string {
		return "streams: [{name: a, url: 'https://a.example/{key}', keys: {match: a, " + key + ": %s}}]"
	}
	inOAuth2 := func(key string) string {
		return "streams: [{name: a, url: 'https://a.example', oauth2: {token_url: 'https://b', client_id: c, client_secret: d, " + key + ": %s}}]"
	}
	inTokens := func(keys string) string { return "tokens: {issuer: a, audience: b, " + keys + "}" }
	for _, test := range []struct {
		format      string
		right       []string
		wrong       []string
		wantMention string
	}{
		{"history: %s", []string{"1", "10000000"}, []string{"0", "10000001", "-1"}, "history is"},
		{"history_bytes: %s", []string{"1", "1099511627776"}, []string{"0", "1099511627777"}, "history_bytes is"},
		{"history_total_bytes: %s", []string{"1", "1099511627776"}, []string{"0", "1099511627777"}, "history_total_bytes is"},
		{"max_connections: %s", []string{"1", "10000000"}, []string{"0", "10000001"}, "max_connections is"},
		{"min_rate: %s", []string{"1", "1073741824"}, []string{"0", "1073741825"}, "min_rate is"},
		{"trusted_proxies: [%s]", []string{"", "10.0.0.0/8", "'::/0'", "169.254.1.1", "'fe80::1'", repeat(100, "10.0.0.%d", ", ")}, []string{repeat(101, "10.0.0.%d", ", "), "10.0.0.0/33", "10.0.0.1/8", "'::ffff:10.0.0.1'", "a.example"}, "trusted_proxies"},
		{inStream("history"), []string{"1", "10000000"}, []string{"0", "10000001"}, "history is"},
		{inStream("history_bytes"), []string{"1", "1099511627776"}, []string{"0", "1099511627777"}, "history_bytes is"},
		{"new_keys_per_second: %s", []string{"1", "1000000"}, []string{"0", "1000001"}, "new_keys_per_second is"},
		{"streams: [{name: a, push: true, at_most: %s}]", []string{"1/s", "1000/s", "1/m", "1000/m"}, []string{"0/s", "1001/s", "1001/m", "-1/s", "01/s", "4", "4/", "/s", "4/h", "4/ms", "4 /s", "4.5/s", "4s"}, "at_most is"},
		{inKeys("max"), []string{"1", "1000000"}, []string{"0", "1000001"}, "keys.max is"},
		{inKeys("parallel"), []string{"1", "256"}, []string{"0", "257"}, "keys.parallel is"},
		{inKeys("absent"), []string{"1s", "24h"}, []string{"999.999999ms", "24h0m0.000000001s"}, "keys.absent is"},
		{inKeys("idle_bytes"), []string{"1024", "1099511627776"}, []string{"1023", "1099511627777"}, "keys.idle_bytes is"},
		{"streams: [{name: a, url: 'https://a.example/{keys}', keys: {match: a, split: '.[]', batch: %s}}]", []string{"2", "1000"}, []string{"0", "1001"}, "keys.batch is"},
		{"streams: [{name: a, push: true, keys: {match: a, idle: %s}}]", []string{"1s", "720h"}, []string{"999.999999ms", "720h0m0.000000001s"}, "keys.idle is"},
		{"streams: [{name: a, push: true, keys: {match: %q}}]", []string{"a", strings.Repeat("x", 256)}, []string{"", strings.Repeat("x", 257), "a?", "["}, "keys.match is"},
		{inStream("replay_events"), []string{"1", "10000"}, []string{"0", "10001"}, "replay_events is"},
		{inStream("replay_bytes"), []string{"1", "1073741824"}, []string{"0", "1073741825"}, "replay_bytes is"},
		{inStream("revalidate"), []string{"1s", "168h"}, []string{"999.999999ms", "168h0m0.000000001s"}, "revalidate is"},
		{"buffer: %s", []string{"1", "65536"}, []string{"0", "65537"}, "buffer is"},
		{"max_views: %s", []string{"1", "10000"}, []string{"0", "10001"}, "max_views is"},
		{"form_bytes: %s", []string{"1", "1099511627776"}, []string{"0", "1099511627777"}, "form_bytes is"},
		{"held_bytes: %s", []string{"1", "1099511627776"}, []string{"0", "1099511627777"}, "held_bytes is"},
		{"max_clients: %s", []string{"1", "10000000"}, []string{"0", "10000001"}, "max_clients is"},
		{"max_document: %s", []string{"1", "67108864"}, []string{"0", "67108865"}, "max_document is"},
		{"heartbeat: %s", []string{"10ms", "24h"}, []string{"9.999999ms", "24h0m0.000000001s"}, "heartbeat is"},
		{"write_timeout: %s", []string{"10ms", "24h"}, []string{"9.999999ms", "24h0m0.000000001s"}, "write_timeout is"},
		{"max_age: %s", []string{"10ms", "168h"}, []string{"9.999999ms", "168h0m0.000000001s"}, "max_age is"},
		{"drain: %s", []string{"0s", "1h"}, []string{"-1ns", "1h0m0.000000001s"}, "drain is"},
		{"canary: %s", []string{"100ms", "1h"}, []string{"99.999999ms", "1h0m0.000000001s"}, "canary is"},
		{"admin_listen: %q", []string{"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "[::ffff:127.0.0.1]:1", ":1", "unix:/a"}, []string{"unix:a", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536"}, "admin_listen is"},
		{"listen: %q", []string{":1", "a:65535", "[::]:0"}, []string{"a", "a:", "a:b", ":http", ":65536", ":99999", ":-1", ":+1", ":01", ":0x1", "a b:1", "a/b:1", "::1:1"}, "listen is"},
		{"cluster_listen: %q", []string{":1", "a:65535", "[::1]:1"}, []string{"a", ":0", "127.0.0.1:0", ":65536", "unix:/a", "systemd"}, "cluster_listen is"},
		{"cluster_routes: [%s]", []string{"", "'a:1'", "'[::1]:65535'", repeat(5, "'a%d:1'", ", ")}, []string{"a", "':1'", "'a:0'", "'a:65536'", "'unix:/a'", repeat(6, "'a%d:1'", ", ")}, "cluster_routes"},
		{"allow_origins: [%s]", []string{"", "'*'", repeat(1000, "https://a%d.example", ", ")}, []string{repeat(1001, "https://a%d.example", ", "), "https://a.example/", "https://*.example"}, "allow_origins"},
		{"hosts: [%s]", []string{"", "a", "192.0.2.1", "'::1'", "a.", strings.Repeat("x", 63), repeat(100, "a%d.example", ", ")}, []string{repeat(101, "a%d.example", ", "), "a:1", "''"}, "hosts"},
		{"nats: [%s]", []string{"", "'nats://a'", "'tls://a.example:4222'", repeat(16, "'nats://a%d:4222'", ", ")}, []string{repeat(17, "'nats://a%d:4222'", ", "), "'nats://'", "'nats://a/b'", "'nats://a?b=c'", "'nats://u:p@a'", "'ws://a'", "a"}, "nats"},
		{"nats: ['nats://a']\nnats_replicas: %s", []string{"1", "5"}, []string{"0", "6"}, "nats_replicas is"},
		{"nats: ['nats://a']\nnats_stream: %q", []string{"a", "A_b-9", strings.Repeat("x", 64)}, []string{"", "a.b", "a b", "*", strings.Repeat("x", 65)}, "nats_stream is"},
		{"node: %q", []string{"a", "a.B_c-9", strings.Repeat("x", 64)}, []string{"", "a b", "a/b", strings.Repeat("x", 65)}, "node is"},
		{inTokens("secret: %s"), []string{strings.Repeat("x", 32), strings.Repeat("x", 64<<10)}, []string{strings.Repeat("x", 31)}, "tokens.secret"},
		{inTokens("jwks: %q"), []string{"https://a", "https://a:65535/b"}, []string{"http://a", "https://", "https://a:0", "https://a:65536", "https://a b"}, "tokens.jwks"},
		{inTokens("algorithm: %s, secret: " + strings.Repeat("x", 32)), []string{"HS256"}, []string{"HS512", "none", "hs256", "RS256"}, "tokens"},
		{"tokens: {lines: 'a sha256:" + strings.Repeat("0", 64) + " subscribe=%s'}", []string{"a", strings.Repeat("x", 5000), repeat(auth.MaxPatterns, "a%d", ",")}, []string{"", "a,", repeat(auth.MaxPatterns+1, "a%d", ",")}, "tokens.lines"},
		{"tokens: {lines: 'a sha256:%s'}", []string{strings.Repeat("0", 64), strings.Repeat("F", 64)}, []string{strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("g", 64)}, "tokens.lines"},
		{"tokens: {lines: 'a sha256:" + strings.Repeat("0", 64) + " expires=%s'}", []string{"1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}, []string{"1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "2030-01-01"}, "tokens.lines"},
		{"deny_private: true\nallow_private: [%s]", []string{"", "10.0.0.0/8", "0.0.0.0/0", "'::/0'", "169.254.0.0/15", repeat(100, "10.0.0.%d", ", ")}, []string{repeat(101, "10.0.0.%d", ", "), "10.0.0.0/33", "169.254.0.0/16", "169.254.1.1", "'fe80::/10'", "'fe80::1'"}, "allow_private"},
		{"streams: [{push: true, name: %q}]", []string{"a", strings.Repeat("x", 64)}, []string{"", strings.Repeat("x", 65), "_", "error"}, "name is"},
		{"streams: [%s]", []string{"", repeat(10_000, "{name: a%d, push: true}", ", ")}, []string{repeat(10_001, "{name: a%d, push: true}", ", ")}, "streams has 10001 entries"},
		{inStream("every"), []string{"10ms", "24h"}, []string{"9.999999ms", "24h0m0.000000001s"}, "every is"},
		{inStream("every: 1s, timeout"), []string{"1ns", "999.999999ms"}, []string{"0s", "-1ns", "1s"}, "timeout is"},
		{inStream("max_document"), []string{"1", "67108864"}, []string{"0", "67108865"}, "max_document is"},
		{inStream("poll: on-demand, linger"), []string{"1s", "24h"}, []string{"999.999999ms", "24h0m0.000000001s"}, "linger is"},
		{inStream("ignore"), []string{"[]", "[/, /a~0b~1c]", "[" + repeat(100, "/a%d", ", ") + "]"}, []string{"[" + repeat(101, "/a%d", ", ") + "]", "['#/a']", "[/~]", "[/~01~2]"}, "ignore"},
		{inStream("source: sse, events"), []string{"[a]", "[message, 'a b']", "[" + repeat(100, "a%d", ", ") + "]", "[" + strings.Repeat("x", 200) + "]"}, []string{"[]", "[" + repeat(101, "a%d", ", ") + "]", "[status]", "[hb]", "['']", "[" + strings.Repeat("x", 201) + "]"}, "events"},
		{inStream("respect"), []string{"[]", "[max-age]"}, []string{"[" + strings.Repeat("max-age, ", 101) + "]"}, "respect has 101 entries"},
		{inStream("deny_private: true, allow_private"), []string{"[" + repeat(100, "10.0.0.%d", ", ") + "]"}, []string{"[" + repeat(101, "10.0.0.%d", ", ") + "]"}, "allow_private has 101 entries"},
		{inStream("redirect_hosts"), []string{"[]", "['a:1', 'b:65535']", "[" + strings.Repeat("x", 63) + "]", "[" + repeat(100, "a%d", ", ") + "]"}, []string{"['a:0']", "['a:65536']", "['a:']", "[" + strings.Repeat("x", 64) + "]", "[" + repeat(101, "a%d", ", ") + "]", "[" + strings.Repeat("a.", 126) + "bb]"}, "redirect_hosts"},
		{"streams: [{name: a, url: 'https://a.example', login: {url: 'https://b', headers: {%s}}}]", []string{"", repeat(100, "X%d: a", ", ")}, []string{repeat(101, "X%d: a", ", ")}, "login.headers has 101 entries"},
		{inOAuth2("scopes"), []string{"[]", "['!', '~']", "[" + repeat(100, "a%d", ", ") + "]"}, []string{"[" + repeat(101, "a%d", ", ") + "]", "['a b']", `['\']`, `['"']`, "[é]"}, "oauth2.scopes"},
		{inStream("headers"), []string{"{}", "{" + repeat(100, "X%d: a", ", ") + "}"}, []string{"{" + repeat(101, "X%d: a", ", ") + "}"}, "headers has 101 entries"},
		{"streams: [{name: a, url: %q}]", []string{"http://a:1", "HTTPS://a:65535/?b=c"}, []string{"http://a:0", "http://a:65536", "http://", "http:///a", "http://a/b c", "ws://a"}, "url:"},
	} {
		for _, value := range test.right {
			if _, err := parseTest(fmt.Sprintf(test.format, value)); err != nil {
				t.Errorf("%.100s: %.300v", fmt.Sprintf(test.format, value), err)
			}
		}
		for _, value := range test.wrong {
			_, err := parseTest(fmt.Sprintf(test.format, value))
			if err == nil || !strings.Contains(err.Error(), test.wantMention) {
				t.Errorf("%.100s: %.300v, want a mistake with %q", fmt.Sprintf(test.format, value), err, test.wantMention)
			}
		}
	}
}

// TestFormBounds checks the bounds of a whole file.
func TestFormBounds(t *testing.T) {
	nested := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	filled := func(size int) string {
		const some = "listen: :1\n#"
		return some + strings.Repeat("x", size-len(some))
	}
	expanded := "allow_origins: [" + strings.Repeat("'${BIG}', ", 15) + "'${BIG}%s']" // 16 MiB that are not origins
	for _, test := range []struct {
		name, text, want string
		there            bool
	}{
		{"4 MiB", filled(4 << 20), "larger", false},
		{"4 MiB and 1", filled(4<<20 + 1), "p.yaml: is larger than 4194304 bytes", true},
		{"16 levels", nested(16), "levels", false},
		{"17 levels", nested(17), "1:17: more than 16 levels", true},
		{"16 levels of blocks", strings.Repeat("- ", 16), "levels", false},
		{"17 levels of blocks", strings.Repeat("- ", 17), "1:33: more than 16 levels", true},
		{"256 keys", repeat(256, "k%d: 1", "\n"), "keys in one", false},
		{"257 keys", repeat(257, "k%d: 1", "\n"), "257:5: more than 256 keys in one mapping", true},
		{"256 keys in flow", "{" + repeat(256, "k%d: 1", ",\n") + "}", "keys in one", false},
		{"257 keys in flow", "{" + repeat(257, "k%d: 1", ",\n") + "}", "more than 256 keys in one mapping", true},
		{"257 keys in two", "a:\n" + repeat(200, "  k%d: 1", "\n") + "\nb:\n" + repeat(200, "  k%d: 1", "\n"), "keys in one", false},
		{"1000 empty", "streams:\n" + strings.Repeat("-\n", 1000), "without a value", false},
		{"1001 empty", "streams:\n" + strings.Repeat("-\n", 1001), "1002:1: more than 1000 keys or entries without a value", true},
		{"1001 empty keys", "streams:\n" + strings.Repeat("- a:\n", 1001), "more than 1000 keys or entries without a value", true},
		{"1001 empty in flow", "streams: [" + strings.Repeat("{a},{a:},", 501) + "]", "more than 1000 keys or entries without a value", true},
		{"1001 that are not", "streams:\n" + strings.Repeat("- a:\n    - b\n  c:\n    d: {e: f}\n", 1001), "without a value", false},
		{"16 MiB of variables", fmt.Sprintf(expanded, ""), "replaced", false},
		{"16 MiB of variables and 1", fmt.Sprintf(expanded, "x"), "an entry of allow_origins is too large once variables are replaced", true},
	} {
		_, err := parseTest(test.text)
		if there := strings.Contains(fmt.Sprint(err), test.want); there != test.there {
			t.Errorf("%s: %.300v", test.name, err)
		}
	}
}

func TestFileBounds(t *testing.T) {
	folder := t.TempDir()
	for _, test := range []struct {
		size int
		want string
	}{
		{64 << 10, ""},
		{64<<10 + 1, `p.yaml:1:21: publish_token_file is "token": is larger than 65536 bytes (in ` + folder + ")"},
	} {
		if err := os.WriteFile(filepath.Join(folder, "token"), []byte(strings.Repeat("x", test.size)), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Parse(filepath.Join(folder, "p.yaml"), []byte("publish_token_file: token"), Options{Getenv: os.Getenv})
		switch {
		case test.want == "" && (err != nil || len(c.PublishToken.Reveal()) != test.size):
			t.Errorf("%d bytes: %v", test.size, err)
		case test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), test.want)):
			t.Errorf("%d bytes: %v", test.size, err)
		}
	}
}

// An error quotes only the beginning of a long name, and only that is compared.
func TestNamesAreCut(t *testing.T) {
	for length, want := range map[int]string{60: strings.Repeat("x", 60) + ",", 61: strings.Repeat("x", 60) + "...,"} {
		_, err := parseTest(strings.Repeat("x", length) + ": 1")
		if err == nil || !strings.Contains(err.Error(), "unknown key "+want) {
			t.Errorf("%d letters: %v", length, err)
		}
	}
	long := strings.Repeat("x", 100)
	if nearest := Nearest(long+"yyy", []string{long + "yyy", long}); nearest != long {
		t.Errorf("the nearest has %d letters", len(nearest))
	}
}
