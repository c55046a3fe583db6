package httpjson

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller"
)

// nasty are keys that would change a request if they were not escaped.
var nasty = []string{
	"BTC", "a.b-c_d~e", "?", "#", "&", "=", "%", ";", ":", "@", "{key}", "{keys}", "?#&=%;:@{key}", "a/b", "../x", "//evil.example.com",
	"%2e%2e", "%2F", "a b", "+", "a,b", `"`, `\`, `"}`, `\u0000`, "\n", "\r\nX: y", "\x00", "é", "\xff", "'", "<script>", "$(id)", "*", "...",
}

func TestTemplateEscapes(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"https://x.example/p/{key}", "https://x.example/p/a%2Fb%3F&=+%20%25%2C"},
		{"https://x.example/p/{key}/q", "https://x.example/p/a%2Fb%3F&=+%20%25%2C/q"},
		{"https://x.example/p.{key}.json?k={key}&l=1", "https://x.example/p.a%2Fb%3F&=+%20%25%2C.json?k=a%2Fb%3F%26%3D%2B+%25%2C&l=1"},
		{"https://x.example?{key}", "https://x.example?a%2Fb%3F%26%3D%2B+%25%2C"},
		{"https://me:secret@x.example:8080/{key}#end", "https://me:secret@x.example:8080/a%2Fb%3F&=+%20%25%2C#end"},
	} {
		r, err := newRequest(test.url, "", "", false)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if got := r.url.expand([]string{"a/b?&=+ %,"}); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.url, got, test.want)
		}
	}
	r, err := newRequest("https://x.example/{keys}?k={keys}", "", "", true)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.url.expand([]string{"a", "b,c", "{keys}"}), "https://x.example/a,b%2Cc,%7Bkeys%7D?k=a,b%2Cc,%7Bkeys%7D"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTemplateOfBody(t *testing.T) {
	const address = "https://x.example/graph"
	for _, test := range []struct {
		body, contentType string
		batch             bool
		keys              []string
		want              string
	}{
		{`{"id":{key}}`, "", false, []string{`a"b`}, `{"id":"a\"b"}`},
		{`{"id":"x-{key}","n":"{key}"}`, "application/json; charset=utf-8", false, []string{`a"\` + "\n"}, `{"id":"x-a\"\\\n","n":"a\"\\\n"}`},
		{`{"q":"{ user(id: \"{key}\") { name } }"}`, "application/graphql+json", false, []string{"42"}, `{"q":"{ user(id: \"42\") { name } }"}`},
		{`{"q":"\\","k":{key}}`, "", false, []string{"x"}, `{"q":"\\","k":"x"}`},
		{`{"ids":[{keys}]}`, "", true, []string{"a", `"`}, `{"ids":["a","\""]}`},
		{`{"ids":"{keys}"}`, "", true, []string{"a", `"`}, `{"ids":"a,\""}`},
		{"a=1&ids={keys}", "application/x-www-form-urlencoded", true, []string{"a&b", "c="}, "a=1&ids=a%26b,c%3D"},
	} {
		r, err := newRequest(address, test.body, test.contentType, test.batch)
		if err != nil {
			t.Errorf("%s: %v", test.body, err)
			continue
		}
		if got := r.body.expand(test.keys); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.body, got, test.want)
		}
	}
}

func TestTemplateRefuses(t *testing.T) {
	const ok = "https://x.example/{key}"
	for _, test := range []struct {
		url, body, contentType string
		batch                  bool
		want                   string
	}{
		{"{key}://x.example/", "", "", false, "the host cannot be a template"},
		{"https://{key}/", "", "", false, "the host cannot be a template"},
		{"https://{key}.example.com/a", "", "", false, "the host cannot be a template"},
		{"https://x.example{key}", "", "", false, "the host cannot be a template"},
		{"https://x.example:{key}/a", "", "", false, "the host cannot be a template"},
		{"https://x.example:80{key}/a", "", "", false, "the host cannot be a template"},
		{"https://{key}:secret@x.example/a", "", "", false, "the host cannot be a template"},
		{"https://me:{key}@x.example/a", "", "", false, "the host cannot be a template"},
		{"https://{key}@x.example/a", "", "", false, "the host cannot be a template"},
		{`https://x.example\{key}`, "", "", false, "the host cannot be a template"},
		{"https:{key}//x.example/a", "", "", false, "want an absolute http or https URL"},
		{"{key}", "", "", false, "want an absolute http or https URL"},
		{"/a/{key}", "", "", false, "want an absolute http or https URL"},
		{"ftp://x.example/{key}", "", "", false, "want an absolute http or https URL"},
		{"https://x.example/a#{key}", "", "", false, "the fragment of a URL is not sent"},
		{"https://x.example/{id}/{key}", "", "", false, "want {key} as the only { and } of the URL"},
		{"https://x.example/{key}}", "", "", false, "want {key} as the only { and } of the URL"},
		{"https://x.example/{ key }", "", "", false, "want {key} as the only { and } of the URL"},
		{"https://x.example/{keys}", "", "", false, "want {key} and not {keys}"},
		{"https://x.example/{key}", "", "", true, "want {keys} and not {key}"},
		{"https://x.example/{key}{keys}", "", "", true, "want {keys} and not {key}"},
		{"https://x.example/a", "", "", false, "want a place for {key} in the URL or in the body, for example https://api.example.com/price/{key}"},
		{"https://x.example/a", "{}", "", true, "want a place for {keys} in the URL or in the body, for example https://api.example.com/quotes?symbols={keys}"},
		{ok, `{"a":"{keys}"}`, "", false, "want {key} and not {keys}"},
		{ok, `{"a":1{key}}`, "", false, "the body is not JSON once a key"},
		{ok, `{"a":"\{key}"}`, "", false, "want no backslash before {key}"},
		{ok, "<a>{key}</a>", "text/xml", false, "want JSON or a form as the body"},
		{ok, "{key}", "a/b/c", false, "the Content-Type of the body is invalid"},
	} {
		err := CheckTemplate(test.url, test.body, test.contentType, test.batch)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %q", test.url, test.body, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), "x.example") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("the error quotes the URL: %v", err)
		}
	}
	// A body without a place is a body like any other.
	if err := CheckTemplate(ok, "<a>{b}</a>", "text/xml", false); err != nil {
		t.Error(err)
	}
}

func TestURLWithoutKeysHasNoBraces(t *testing.T) {
	for _, url := range []string{"https://x.example/{key}", "https://x.example/?a={", "https://x.example/}", "https://me:{@x.example/"} {
		err := CheckURL(url, ExampleURL)
		if err == nil || !strings.Contains(err.Error(), "want no { and no }") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if err := CheckURL("https://x.example/%7Bkey%7D", ExampleURL); err != nil {
		t.Error(err)
	}
}

func TestKeyedRefusesTemplatesOfHeaders(t *testing.T) {
	for _, test := range []struct {
		opts Options
		want string
	}{
		{Options{URL: "https://x.example/{key}", Header: http.Header{"x-key": {"a {key}"}}}, "httpjson: the header X-Key cannot be a template"},
		{Options{URL: "https://x.example/{key}", Body: []byte("{key}"), Method: "POST", Header: http.Header{"content-type": {"text/plain"}}}, "httpjson: want JSON or a form"},
		{Options{URL: "https://x.example/{key}", Body: []byte("{key}")}, "httpjson: a Body with GET"},
		{Options{URL: "https://x.example/a"}, "httpjson: want a place for {key}"},
	} {
		if _, err := NewKeyed(test.opts, false); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.opts, err, test.want)
		}
	}
}

// checkTarget fails if a key in a template is anything but one segment of the path and
// one value of the query.
func checkTarget(t *testing.T, keys []string) {
	t.Helper()
	name, batch := placeOfKey, false
	if len(keys) > 1 {
		name, batch = placeOfKeys, true
	}
	r, err := newRequest("https://me:secret@x.example:8443/a/"+name+"/b?c=1&d="+name+"&e=2", `{"f":`+listed(name, batch)+`,"g":"`+name+`"}`, "", batch)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(r.url.expand(keys))
	if err != nil {
		t.Fatalf("%q: %v", keys, err)
	}
	joined := strings.Join(keys, ",")
	segments := strings.Split(u.EscapedPath(), "/")
	query, err := url.ParseQuery(u.RawQuery)
	switch {
	case err != nil:
		t.Errorf("%q: %v", keys, err)
	case u.Scheme != "https" || u.Host != "x.example:8443" || u.User.String() != "me:secret" || u.Fragment != "":
		t.Errorf("%q leads to %v", keys, u)
	case len(segments) != 4 || segments[1] != "a" || segments[3] != "b":
		t.Errorf("%q makes the path %q", keys, segments)
	case len(query) != 3 || query.Get("c") != "1" || query.Get("d") != joined || query.Get("e") != "2":
		t.Errorf("%q makes the query %v", keys, query)
	}
	if back, err := url.PathUnescape(segments[2]); err != nil || back != joined {
		t.Errorf("%q is the segment %q", keys, back)
	}
	var body struct {
		F any
		G string
	}
	valid := strings.ToValidUTF8(joined, "")
	switch err := json.Unmarshal([]byte(r.body.expand(keys)), &body); {
	case err != nil:
		t.Errorf("%q: %v", keys, err)
	case valid == joined && body.G != joined:
		t.Errorf("%q is %q within a string", keys, body.G)
	}
	if list, ok := body.F.([]any); ok != batch || batch && len(list) != len(keys) {
		t.Errorf("%q is %v as a value", keys, body.F)
	}
}

// listed returns a place as a value of JSON.
func listed(name string, batch bool) string {
	if batch {
		return "[" + name + "]"
	}
	return name
}

func TestNastyKeysStayInTheirPlace(t *testing.T) {
	for _, key := range nasty {
		checkTarget(t, []string{key})
	}
	checkTarget(t, nasty)
}

func FuzzKeysStayInTheirPlace(f *testing.F) {
	for i, key := range nasty {
		f.Add(key, nasty[(i+1)%len(nasty)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		checkTarget(t, []string{a})
		checkTarget(t, []string{a, b})
	})
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"https://x.example/{key}", "https://{key}/", "https://a@{key}:1/?{key}#{key}", `http:\\{key}`, "http://[::1]/{key}", "h?{key}#://{key}"} {
		f.Add(text, "a/b")
	}
	for _, path := range []string{"é", "\xbd", "a b", "a|b", `a"b`, "a^b", `a\b`} {
		f.Add("http://x.example/"+path+"/{key}", "a/b")
		f.Add("http://x.example/{key}/"+path+"?"+path+"={key}", "a/b")
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		r, err := newRequest(text, "", "", false)
		if err != nil {
			return
		}
		plain, err := url.Parse(r.url.expand([]string{"k"}))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		u, err := url.Parse(r.url.expand([]string{key}))
		if err != nil {
			t.Fatalf("%q with %q: %v", text, key, err)
		}
		names := func(u *url.URL) int { return strings.Count(u.RawQuery, "&") }
		if u.Scheme != plain.Scheme || u.Host != plain.Host || u.User.String() != plain.User.String() || u.Fragment != plain.Fragment ||
			strings.Count(u.EscapedPath(), "/") != strings.Count(plain.EscapedPath(), "/") || names(u) != names(plain) {
			t.Errorf("%q with %q is %v, and %v with another key", text, key, u, plain)
		}
	})
}

func TestDotsAreNoKey(t *testing.T) {
	source, err := NewKeyed(Options{URL: "http://127.0.0.1:1/a/{key}/b"}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range [][]string{{"."}, {".."}, {""}} {
		if _, err := source.FetchKeys(t.Context(), keys, poller.Version{}); err == nil || !strings.Contains(err.Error(), "no request can be made of a key") {
			t.Errorf("%q: %v", keys, err)
		}
	}
	if slices.Contains(nasty, "..") {
		t.Error("the keys that are sent have dots alone")
	}
}
