package markup

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// attacks are texts that run a script where somebody forgot to escape.
var attacks = []string{
	`<script>alert(1)</script>`,
	`</script><script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	`"><svg onload=alert(1)>`,
	`'><svg onload=alert(1)>`,
	`" onmouseover="alert(1)`,
	`' onmouseover='alert(1)`,
	` onmouseover=alert(1) `,
	"`onmouseover=alert(1)",
	`javascript:alert(1)`,
	` javascript:alert(1)`,
	`JaVaScRiPt:alert(1)`,
	"java\tscript:alert(1)",
	"java\nscript:alert(1)",
	"\x01javascript:alert(1)",
	`vbscript:msgbox(1)`,
	`data:text/html,<script>alert(1)</script>`,
	`//evil.example/x`,
	`";alert(1);//`,
	`';alert(1);//`,
	"`;alert(1);//",
	"${alert(1)}",
	`\";alert(1);//`,
	`\`,
	`*/alert(1)/*`,
	`-->`,
	`<!--`,
	`<!--<script>`,
	`]]>`,
	"\u2028alert(1)\u2029",
	"\x00",
	`expression(alert(1))`,
	`;background:url(javascript:alert(1))`,
	`}</style><script>alert(1)</script>`,
	`</title><script>alert(1)</script>`,
	`</textarea><script>alert(1)</script>`,
	`</template><script>alert(1)</script>`,
	`{{.}}`,
	`{{template "status"}}`,
	`&lt;script&gt;`,
	`&#x6A;avascript:alert(1)`,
	`x,javascript:alert(1) 2x`,
	"a\r\ndata: b\r\n\r\nevent: c",
}

// contexts are templates with a value in each place that HTML has for one.
var contexts = []string{
	`<p>{{.v}}</p>`,
	`<p title="{{.v}}">a</p>`,
	`<p title='{{.v}}'>a</p>`,
	`<p title={{.v}}>a</p>`,
	`<p {{.v}}>a</p>`,
	`<p data-{{.v}}="a">a</p>`,
	`<a href="{{.v}}">a</a>`,
	`<a href="/a?b={{.v}}">a</a>`,
	`<a href={{.v}}>a</a>`,
	`<img src="{{.v}}">`,
	`<img srcset="{{.v}}">`,
	`<iframe srcdoc="{{.v}}"></iframe>`,
	`<button onclick="f({{.v}})">a</button>`,
	`<button onclick="f('{{.v}}')">a</button>`,
	`<button hx-on:click="f(this.dataset.v)" data-v="{{.v}}" hx-get="/{{.v}}">a</button>`,
	`<script>var v = {{.v}};</script>`,
	`<script>var v = "{{.v}}";</script>`,
	`<script>var v = '{{.v}}';</script>`,
	"<script>var v = `{{.v}}`;</script>",
	`<script>var v = /{{.v}}/;</script>`,
	`<script type="application/json">{{.v}}</script>`,
	`<style>p { color: {{.v}} }</style>`,
	`<p style="color: {{.v}}">a</p>`,
	`<title>{{.v}}</title>`,
	`<textarea>{{.v}}</textarea>`,
	`<template>{{.v}}</template>`,
	`<svg><text>{{.v}}</text></svg>`,
	`<!-- {{.v}} --><p>a</p>`,
	`{{with .v}}<p>{{.}}</p>{{end}}`,
	`{{range $k, $v := .o}}<p id="{{$k}}">{{$k}}={{$v}}</p>{{end}}`,
	`<p>{{print .v}} {{printf "%s" .v}}</p>`,
}

// shape is the structure of HTML: its tags, each with the names of its attributes.
func shape(t *testing.T, text string) []string {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(text))
	var tags []string
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return tags
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			token := tokens.Token()
			tag := token.Type.String() + " " + token.Data
			for _, a := range token.Attr {
				tag += " " + a.Key
				if scheme := schemeOf(a.Val); (a.Key == "href" || a.Key == "src" || a.Key == "srcset") && scheme != "" {
					t.Errorf("%s: the scheme %s in %s", text, scheme, a.Key)
				}
			}
			tags = append(tags, tag)
		case html.CommentToken, html.DoctypeToken:
			tags = append(tags, "comment")
		case html.TextToken:
		}
	}
}

// schemeOf returns the scheme of a URL that is not one of the web, as browsers read it.
func schemeOf(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, strings.TrimLeft(text, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x1f \t\r\n"))
	if u, err := url.Parse(text); err == nil && u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return u.Scheme
	}
	if scheme, _, found := strings.Cut(strings.ToLower(text), ":"); found && regexp.MustCompile(`^(java|vb)script$|^data$`).MatchString(scheme) {
		return scheme
	}
	return ""
}

// No text of a document changes the structure of the HTML, as value or as key.
func TestInjections(t *testing.T) {
	for _, context := range contexts {
		template := newTest(t, context, Options{})
		page := func(text string) string {
			t.Helper()
			key, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := template.Render(Subject{}, fmt.Appendf(nil, `{"v":%s,"o":{%s:%s}}`, key, key, key))
			if err != nil {
				t.Fatalf("%s with %q: %v", context, text, err)
			}
			if strings.Contains(string(got), "\x00") {
				t.Errorf("%s with %q: NUL in %q", context, text, got)
			}
			return string(got)
		}
		want := shape(t, page("harmless"))
		for _, attack := range attacks {
			got := shape(t, page(attack))
			if strings.Contains(context, "<p {{") || strings.Contains(context, "data-{{") {
				// The name of an attribute is from the document: html/template lets none through
				// that would be a script, a URL or two attributes.
				if len(got) != len(want) {
					t.Errorf("%s with %q: %q", context, attack, got)
					continue
				}
				for i, tag := range got {
					if len(strings.Fields(tag)) > len(strings.Fields(want[i])) || strings.Contains(tag, " on") {
						t.Errorf("%s with %q: %s", context, attack, tag)
					}
				}
				continue
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s with %q: %q in %s", context, attack, got, page(attack))
			}
		}
	}
}

// In a script a value is the JSON of that value, and a text in quotes that text.
func TestInjectionsInScripts(t *testing.T) {
	value := newTest(t, `<script>var v = {{.}};</script>`, Options{})
	for _, attack := range attacks {
		document, err := json.Marshal(attack)
		if err != nil {
			t.Fatal(err)
		}
		got, err := value.Render(Subject{}, document)
		if err != nil {
			t.Fatal(err)
		}
		literal := strings.TrimSuffix(strings.TrimPrefix(string(got), "<script>var v = "), ";</script>")
		var back string
		if err := json.Unmarshal([]byte(literal), &back); err != nil || back != attack {
			t.Errorf("%q came as %s", attack, literal)
		}
	}
}

// No document whatever changes the structure, makes a template panic or leaves invalid UTF-8.
func FuzzRender(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	f.Add(`{"a":[1,2.50,{"b":null}]}`)
	template := newTest(f, `<p title="{{.}}">{{.}}</p><script>v = {{.}}</script><a href="{{.}}">a</a>`, Options{})
	f.Fuzz(func(t *testing.T, text string) {
		document, err := json.Marshal(text)
		if err != nil {
			return
		}
		for _, data := range [][]byte{document, []byte(text)} {
			got, err := template.Render(Subject{Stream: "a"}, data)
			if err != nil {
				continue // not a document
			}
			want := []string{"StartTag p title", "EndTag p", "StartTag script", "EndTag script", "StartTag a href", "EndTag a"}
			if shape := shape(t, string(got)); !slices.Equal(shape, want) {
				t.Errorf("%q of %q", shape, data)
			}
		}
	})
}
