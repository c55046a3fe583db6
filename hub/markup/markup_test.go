package markup

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

var at = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func newTest(t testing.TB, text string, opts Options) *Template {
	t.Helper()
	template, err := New(text, opts)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return template
}

func render(t testing.TB, text, document string) string {
	t.Helper()
	html, err := newTest(t, text, Options{}).Render(Subject{Stream: "prices/BTC", Time: at}, []byte(document))
	if err != nil {
		t.Fatalf("%s of %s: %v", text, document, err)
	}
	return string(html)
}

// What a template sees of a document, and what its functions say of it.
func TestRender(t *testing.T) {
	for _, test := range []struct{ template, document, want string }{
		// Numbers are shown as they were written.
		{"{{.n}}", `{"n":0}`, "0"},
		{"{{.n}}", `{"n":-1}`, "-1"},
		{"{{.n}}", `{"n":1.50}`, "1.50"},
		{"{{.n}}", `{"n":0.00}`, "0.00"},
		{"{{.n}}", `{"n":-0}`, "-0"},
		{"{{.n}}", `{"n":1e3}`, "1e3"},
		{"{{.n}}", `{"n":1E-7}`, "1E-7"},
		{"{{.n}}", `{"n":12345678901234567890123}`, "12345678901234567890123"},
		{"{{.n}}", `{"n":9007199254740993}`, "9007199254740993"},
		{"{{.n}}", `{"n":1e999}`, "1e999"},
		{"{{.n}}", `{"n":0.1}`, "0.1"},
		{`<a data-n="{{.n}}">`, `{"n":1.50}`, `<a data-n="1.50">`},
		{`<script>x = {{.}}</script>`, `{"a":1.50,"b":[1,"2",null,true]}`, `<script>x = {"a":1.50,"b":[1,"2",null,true]}</script>`},

		// They are compared by value, with numbers of the template too.
		{"{{if gt .n 1}}yes{{end}}", `{"n":1.50}`, "yes"},
		{"{{if gt .n 1.4}}yes{{end}}", `{"n":1.50}`, "yes"},
		{"{{if eq .n 150}}yes{{end}}", `{"n":1.5e2}`, "yes"},
		{"{{if eq .n 1 2 150}}yes{{end}}", `{"n":150.0}`, "yes"},
		{"{{if ne .n 150}}yes{{else}}no{{end}}", `{"n":150}`, "no"},
		{"{{if le 2 .n}}yes{{end}}", `{"n":2.0}`, "yes"},
		{"{{if lt .n 2}}yes{{else}}no{{end}}", `{"n":2.0}`, "no"},
		{"{{if ge .n 2}}yes{{end}}", `{"n":1e999}`, "yes"},
		{`{{if eq .s "a"}}yes{{end}}`, `{"s":"a"}`, "yes"},
		{`{{if eq .s "1"}}yes{{else}}no{{end}}`, `{"s":1}`, "no"},
		{`{{if lt .a .b}}yes{{end}}`, `{"a":"a","b":"b"}`, "yes"},
		{"{{if eq .a .b}}yes{{else}}no{{end}}", `{"a":null}`, "yes"},
		{"{{if eq .a true}}yes{{end}}", `{"a":true}`, "yes"},
		{"{{if eq .a .b}}yes{{else}}no{{end}}", `{"a":[1],"b":[1]}`, "no"},

		// Zero is false, however it is written.
		{"{{if .n}}yes{{else}}no{{end}}", `{"n":0}`, "no"},
		{"{{if .n}}yes{{else}}no{{end}}", `{"n":0.00}`, "no"},
		{"{{if .n}}yes{{else}}no{{end}}", `{"n":0.01}`, "yes"},
		{"{{if not .n}}yes{{end}}", `{"n":0.0}`, "yes"},
		{"{{with .n}}{{.}}{{else}}none{{end}}", `{"n":0e5}`, "none"},
		{"{{with .n}}{{.}}{{else}}none{{end}}", `{"n":1.50}`, "1.50"},
		{"{{if .a}}{{else if .n}}yes{{end}}", `{"n":1}`, "yes"},

		// printf takes each number for %d as for %f.
		{`{{printf "%.2f" .n}}`, `{"n":5}`, "5.00"},
		{`{{printf "%.2f" .n}}`, `{"n":1.555e1}`, "15.55"},
		{`{{printf "%d" .n}}`, `{"n":5.0}`, "5"},
		{`{{printf "%d" .n}}`, `{"n":5.5}`, "5.5"},
		{`{{printf "%05d|%-4d|%x" .n .n .n}}`, `{"n":12}`, "00012|12  |c"},
		{`{{printf "%d" .n}}`, `{"n":12345678901234567890123}`, "12345678901234567890123"},
		{`{{printf "%s %v %q" .n .n .s}}`, `{"n":1.50,"s":"a"}`, "1.50 1.50 &#34;a&#34;"},
		{`{{.n | printf "%.1f"}}`, `{"n":1.50}`, "1.5"},
		{`{{print .n .s}}`, `{"n":1.50,"s":"a"}`, "1.50a"},

		// Missing values and null are empty. So is the text of a surrogate without partner, but
		// for one character.
		{"[{{.missing}}]", `{}`, "[]"},
		{"[{{.n}}]", `{"n":null}`, "[]"},
		{"[{{.a.b}}]", `{}`, "[]"},
		{"{{.s}}", `{"s":"a\ud800b"}`, "a\uFFFDb"},
		{"{{.s}}", `{"s":"\u0000"}`, "\uFFFD"},
		{"{{.a}}", `{"a":1,"a":2}`, "2"},

		// Arrays, objects, scalars as documents.
		{"{{range .}}<li>{{.}}{{end}}", `[1,2.0,"<"]`, "<li>1<li>2.0<li>&lt;"},
		{"{{range $k, $v := .}}{{$k}}={{$v}};{{end}}", `{"b":1,"a":2}`, "a=2;b=1;"},
		{"{{range $i, $v := .}}{{if $i}}, {{end}}{{$v}}{{end}}", `[1,2]`, "1, 2"},
		{"{{range .}}{{.}}{{else}}none{{end}}", `[]`, "none"},
		{"{{range .}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}", `[1,2,3]`, "1"},
		{"{{index .a 1}} {{index .o \"x y\"}} {{len .a}}", `{"a":[1,2],"o":{"x y":3}}`, "2 3 2"},
		{"{{.}}", `42`, "42"},
		{`{{define "row"}}<td>{{.}}</td>{{end}}{{range .}}{{template "row" .}}{{end}}`, `[1,2]`, "<td>1</td><td>2</td>"},

		{"{{stream}} {{key}} {{time}}", `0`, "prices/BTC BTC 2026-01-31T12:00:00Z"},
		{"<p>\r\n  {{.}}\n</p>", `1`, "<p>\r\n  1\n</p>"},
	} {
		if got := render(t, test.template, test.document); got != test.want {
			t.Errorf("%s of %s: got %q, want %q", test.template, test.document, got, test.want)
		}
	}
}

// A number has two methods, of which none does harm, and nothing else of a document has any.
func TestMethodsOfDocuments(t *testing.T) {
	for _, call := range []string{".n.String", ".n.Float64", ".n.Kind", ".s.Len", ".o.Clear", ".a.Len"} {
		_, err := newTest(t, "{{"+call+"}}", Options{}).Render(Subject{}, []byte(`{"n":1.50,"s":"a","o":{},"a":[]}`))
		if err == nil && call != ".o.Clear" { // a member that is missing
			t.Errorf("%s can be called", call)
		}
	}
	for _, call := range []string{"call .s", `.s | call`} {
		if _, err := newTest(t, "{{"+call+"}}", Options{}).Render(Subject{}, []byte(`{"s":"a"}`)); err == nil {
			t.Errorf("%s does something", call)
		}
	}
}

// The error of a wrong template says where it is wrong.
func TestWrongTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"{{.a":                                            "line 1: unclosed action",
		"\n\n{{if}}x{{end}}":                              "line 3: missing value for if",
		"<b>\n{{nothing .a}}</b>":                         `line 2: function "nothing" not defined`,
		"{{range .}}":                                     "line 1: unexpected EOF",
		"<a href='{{.}}":                                  "ends in a non-text context",
		"{{if .a}}<script>{{end}}":                        "line 1: {{if}} branches end in different contexts",
		`{{template "none"}}`:                             `no such template "none"`,
		"{{printf .format 1}}":                            "the format of printf",
		"{{.format | printf}}":                            "the format of printf",
		"{{if printf .a}}{{end}}":                         "the format of printf",
		"{{print (printf .a .b)}}":                        "the format of printf",
		"{{range .}}{{printf .}}{{end}}":                  "the format of printf",
		"{{(printf .a).b}}":                               "the format of printf",
		`{{template "x" printf .a}}{{define "x"}}{{end}}`: "the format of printf",
		"":                                     "no HTML outside of define",
		"{{define \"a\"}}b{{end}}":             "no HTML outside of define",
		"a\x00b":                               "U+0000",
		"a\xffb":                               "UTF-8",
		`<b hx-on:click="f('{{.a}}')">`:        "a value in hx-on:click would be a script",
		`<b data-hx-on::load = 'f("{{.a}}")'>`: "a value in data-hx-on::load would be a script",
		`<b hx-on-click={{.a}}>`:               "a value in hx-on-click would be a script",
		"<b\nHX-VARS=\"a:{{.a}}\">":            "would be a script",
		strings.Repeat("a", MaxTemplate+1):     "want 65536 at most",
	} {
		_, err := New(text, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %s", text, err, want)
		}
	}
	newTest(t, strings.Repeat("a", MaxTemplate), Options{})
	newTest(t, `<b hx-on:click="f(this.dataset.a)" data-a="{{.a}}" hx-get="/{{.a}}">{{.b}}</b>`, Options{})
}

// A document that the template does not fit is an error with the line.
func TestFailures(t *testing.T) {
	for _, test := range []struct{ template, document, want string }{
		{"\n{{.a.b}}", `{"a":1}`, "line 2: executing"},
		{"{{index .a 5}}", `{"a":[1]}`, "index out of range"},
		{"{{lt .a 1}}", `{"a":"x"}`, "want two numbers"},
		{"{{range .}}{{end}}", "true", "range can't iterate"},
		{"{{range .a}}{{end}}", `{"a":1.5` + strings.Repeat("0", 5000) + `}`, "00..."},
	} {
		_, err := newTest(t, test.template, Options{}).Render(Subject{}, []byte(test.document))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %.60s: got %v, want %s", test.template, test.document, err, test.want)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: an error of %d bytes", test.template, len(err.Error()))
		}
	}
	if _, err := newTest(t, "{{.}}", Options{}).Render(Subject{}, []byte("{")); err == nil {
		t.Error("what is no document was rendered")
	}
}

// No document makes a rendering endless, and no template a text that fills the memory.
func TestBounds(t *testing.T) {
	list := "[" + strings.Repeat("0,", 1999) + "0]"
	for name, test := range map[string]struct {
		template, document string
		want               error
	}{
		"nested ranges":          {"{{range .}}{{range $}}{{range $}}{{end}}{{end}}{{end}}x", list, ErrSteps},
		"ranges without end":     {`{{define "a"}}{{range .}}{{template "a" $}}{{end}}{{end}}{{template "a" .}}`, "[0,0]", ErrDepth},
		"a range over a number":  {"{{range .}}{{end}}x", "2000000000", ErrSteps},
		"a template in itself":   {`{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`, "0", ErrDepth},
		"templates double calls": {`{{define "a"}}{{if .}}{{range .}}{{template "a" .}}{{template "a" .}}{{end}}{{end}}{{end}}{{template "a" .}}`, strings.Repeat("[", 60) + strings.Repeat("]", 60), ErrSteps},
		"large HTML":             {"{{range .}}" + strings.Repeat("a", 1000) + "{{end}}", list, ErrSize},
		"a text that doubles":    {`{{$a := "aa"}}{{range .}}{{$a = print $a $a}}{{end}}x`, list, ErrSize},
		"a text of many":         {`{{printf "%1000000d%1000000d" .n .n}}`, `{"n":1}`, ErrSize},
		"lines that double":      {`{{$a := "aa"}}{{range .}}{{$a = println $a $a}}{{end}}x`, list, ErrSize},
	} {
		t.Run(name, func(t *testing.T) {
			template := newTest(t, test.template, Options{Now: func() time.Time { return at }})
			template.steps = 10_000
			_, err := template.Render(Subject{}, []byte(test.document))
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}

	var clock time.Time
	slow := newTest(t, "{{range .}}{{.}}{{end}}", Options{Now: func() time.Time {
		clock = clock.Add(MaxTime / 100)
		return clock
	}})
	if _, err := slow.Render(Subject{}, []byte(list)); !errors.Is(err, ErrTime) {
		t.Errorf("got %v, want %v", err, ErrTime)
	}
	if html, err := slow.Render(Subject{}, []byte("[1,2]")); string(html) != "12" {
		t.Errorf("after that: got %q, %v", html, err)
	}

	for _, size := range []int{9, 10, 11} {
		html, err := newTest(t, "{{.}}", Options{MaxBytes: 10}).Render(Subject{}, fmt.Appendf(nil, "%q", strings.Repeat("a", size)))
		if (err == nil) != (size <= 10) || err == nil && len(html) != size {
			t.Errorf("%d bytes of 10: got %d, %v", size, len(html), err)
		}
	}
	if _, err := New("a", Options{MaxBytes: -1}); err == nil {
		t.Error("a size of -1 is taken")
	}

	deep := newTest(t, `{{define "a"}}<ul>{{range .}}{{template "a" .}}{{end}}</ul>{{end}}{{template "a" .}}`, Options{})
	for _, depth := range []int{1, 100, MaxCalls - 1} {
		html, err := deep.Render(Subject{}, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
		if err != nil || strings.Count(string(html), "<ul>") != depth {
			t.Errorf("a document of %d levels: got %d, %v", depth, strings.Count(string(html), "<ul>"), err)
		}
	}
}

// Each template has a status and a reset. Its own replace those.
func TestParts(t *testing.T) {
	status := []byte(`{"stream":"prices","state":"down","since":null,"lastSuccess":null,"error":"http_503"}`)
	live := []byte(`{"stream":"prices","state":"live","since":null,"lastSuccess":null,"error":null}`)
	reset := []byte(`{"reason": "skipped", "skipped": 7}`)
	plain := newTest(t, "{{.}}", Options{})
	own := newTest(t, `{{.}}{{define "status"}}<i>{{.state}} of {{stream}}</i>{{end}}{{define "reset"}}<i>{{.skipped}}</i>{{end}}`, Options{})
	for _, test := range []struct {
		part func(Subject, []byte) ([]byte, error)
		data []byte
		want string
	}{
		{plain.Status, status, `<span class="pollux-status" data-stream="prices" data-state="down" data-error="http_503">down: http_503</span>`},
		{plain.Status, live, `<span class="pollux-status" data-stream="prices" data-state="live" data-error=""></span>`},
		{Bare().Status, status, `<span class="pollux-status" data-stream="prices" data-state="down" data-error="http_503">down: http_503</span>`},
		{plain.Reset, reset, `<span class="pollux-reset" data-reason="skipped"></span>`},
		{own.Status, status, `<i>down of prices</i>`},
		{own.Reset, reset, `<i>7</i>`},
	} {
		if html, err := test.part(Subject{Stream: "prices"}, test.data); string(html) != test.want || err != nil {
			t.Errorf("got %s, %v, want %s", html, err, test.want)
		}
	}
	if plain.Mark() == own.Mark() || own.Text() == "" {
		t.Error("two templates look the same")
	}
}

// Many render at once, each with its own subject and budget.
func TestConcurrentRenderings(t *testing.T) {
	template := newTest(t, "{{stream}}:{{range .}}{{.}}{{end}}", Options{})
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for n := range 100 {
				name := fmt.Sprintf("s%d-%d", i, n)
				html, err := template.Render(Subject{Stream: name}, []byte("[1,2,3]"))
				if string(html) != name+":123" || err != nil {
					t.Errorf("got %s, %v", html, err)
				}
			}
		})
	}
	running.Wait()
}

// The bounds that the documentation names.
func TestDefaultBounds(t *testing.T) {
	for name, bound := range map[string][2]int{
		"MaxSteps":        {MaxSteps, 1_000_000},
		"MaxTime":         {int(MaxTime), int(5 * time.Second)},
		"MaxCalls":        {MaxCalls, 1000},
		"MaxTemplate":     {MaxTemplate, 64 << 10},
		"DefaultMaxBytes": {DefaultMaxBytes, 1 << 20},
	} {
		if bound[0] != bound[1] {
			t.Errorf("%s is %d, the documentation says %d", name, bound[0], bound[1])
		}
	}
	template := newTest(t, "{{range .}}{{end}}x", Options{Now: func() time.Time { return at }})
	if template.steps != MaxSteps {
		t.Errorf("a template has %d steps", template.steps)
	}
	template.steps = 1000
	for _, turns := range []int{998, 999, 1000} { // the template itself is a step
		if _, err := template.Render(Subject{}, fmt.Append(nil, turns)); (err == nil) != (turns < 1000) {
			t.Errorf("%d turns: got %v", turns, err)
		}
	}
}
