package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/static"
)

// node is an object of docs/openapi.yaml.
type node map[string]any

// openAPI returns docs/openapi.yaml.
var openAPI = sync.OnceValue(func() node {
	text, err := os.ReadFile("../docs/openapi.yaml")
	if err != nil {
		panic(err)
	}
	var document node
	if err := yaml.Unmarshal(text, &document); err != nil {
		panic(err)
	}
	return document
})

// at returns the object at a path of keys, with references resolved, or nil.
func (n node) at(keys ...string) node {
	for _, key := range keys {
		n = resolved(n[key])
	}
	return n
}

func resolved(value any) node {
	n, _ := value.(map[string]any)
	if reference, ok := n["$ref"].(string); ok {
		return openAPI().at(strings.Split(strings.TrimPrefix(reference, "#/"), "/")...)
	}
	return n
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

// methods are the possible operations of a path.
var methods = []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}

// operation returns the operation of the document for a request, or nil.
func operation(method, path string) node {
	paths := openAPI().at("paths")
	for template := range paths {
		item := paths.at(template)
		if op := item.at(strings.ToLower(method)); op != nil && matches(template, op, path) {
			return op
		}
	}
	return nil
}

// matches reports whether a template describes an encoded path.
func matches(template string, op node, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(want, got string) bool {
		got, err := url.PathUnescape(got)
		if err != nil {
			return false
		}
		name, isVariable := strings.CutPrefix(want, "{")
		if !isVariable {
			return want == got
		}
		allowed := values(op, strings.TrimSuffix(name, "}"))
		return len(allowed) == 0 || slices.Contains(allowed, got)
	})
}

// values returns the possible values of a parameter of a path, or nil if any value is
// possible.
func values(op node, name string) []string {
	var all []string
	for _, p := range list(op["parameters"]) {
		if p := resolved(p); p["in"] == "path" && p["name"] == name {
			for _, value := range list(p.at("schema")["enum"]) {
				all = append(all, value.(string))
			}
		}
	}
	return all
}

// The document has each route and method of both routers, and no other.
func TestOpenAPIRoutes(t *testing.T) {
	nothing := http.NotFoundHandler()
	r := newRig(t, setup{handlers: handlers.Options{Assets: static.Files, Metrics: nothing, Tokens: newGuard(t).setup.handlers.Tokens,
		PollNow: func(string) (time.Time, error) { return time.Time{}, nil }}})
	admin, err := handlers.NewAdmin(handlers.AdminOptions{
		Engine: idleEngine(t), Metrics: nothing, Profiles: nothing, LogLevel: new(slog.LevelVar),
		Reload:  func() (any, error) { return struct{}{}, nil },
		Cluster: func(context.Context) (any, error) { return struct{}{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var routed []string
	for _, route := range append(handlers.Routes(r.handler), handlers.Routes(admin)...) {
		route = strings.Replace(route, "pprof/*", "pprof/:profile", 1)
		routed = append(routed, regexp.MustCompile(`:(\w+)`).ReplaceAllString(route, "{$1}"))
	}
	var described []string
	paths := openAPI().at("paths")
	for template := range paths {
		for _, method := range methods {
			if op := paths.at(template, method); op != nil {
				described = append(described, expand(op, strings.ToUpper(method)+" "+template)...)
			}
		}
	}
	slices.Sort(routed)
	slices.Sort(described)
	same(t, "routes", slices.Compact(routed), described)
}

// expand replaces the variable of a path by each of its values, if they are known.
func expand(op node, template string) []string {
	variable := regexp.MustCompile(`\{(\w+)\}`).FindStringSubmatch(template)
	if variable == nil || len(values(op, variable[1])) == 0 {
		return []string{template}
	}
	var all []string
	for _, value := range values(op, variable[1]) {
		all = append(all, strings.Replace(template, variable[0], value, 1))
	}
	return all
}

// The document has each parameter of the tables of parameters, and no other.
func TestOpenAPIParameters(t *testing.T) {
	table := handlers.QueryParameters()
	paths := openAPI().at("paths")
	for path := range paths {
		for _, method := range methods {
			var got map[string]bool
			for _, p := range list(paths.at(path, method)["parameters"]) {
				if p := resolved(p); p["in"] == "query" {
					if got == nil {
						got = make(map[string]bool)
					}
					got[p["name"].(string)] = p.at("schema")["type"] == "array"
				}
			}
			if paths.at(path, method) != nil {
				same(t, "parameters of "+path, got, table[path])
			}
		}
	}
	streams := resolved(list(paths.at("/api/sse", "get")["parameters"])[0])
	same(t, "streams of a subscription", streams.at("schema")["maxItems"], any(uint64(hub.MaxStreamsPerSubscription)))
}

// The document has each status with which this package reports a problem, and no other.
// described checks for all other tests that the status belongs to the route.
func TestOpenAPIProblems(t *testing.T) {
	reported := map[string]bool{"404": true, "405": true} // by the router
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`newProblem\(http\.(Status\w+)`).FindAllSubmatch(text, -1) {
			reported[strconv.Itoa(statusNamed(t, string(match[1])))] = true
		}
	}
	responses := openAPI().at("components", "responses")
	described := map[string]bool{"404": responses.at("NotFound") != nil, "405": responses.at("MethodNotAllowed") != nil}
	paths := openAPI().at("paths")
	for path := range paths {
		for _, method := range methods {
			responses := paths.at(path, method, "responses")
			for status := range responses {
				if responses.at(status, "content", "application/problem+json") != nil {
					described[status] = true
				}
			}
		}
	}
	same(t, "statuses of problems", described, reported)
}

// statusNamed returns the status of a constant of net/http.
func statusNamed(t *testing.T, name string) int {
	spaced := regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(strings.TrimPrefix(name, "Status"), "$1 $2")
	for status := range 600 {
		if strings.EqualFold(http.StatusText(status), spaced) {
			return status
		}
	}
	t.Fatalf("no status is called %s", name)
	return 0
}

// described checks that the document describes an answer: status, content type, headers
// and, if the body is an object, its members. Answers of net/http itself, to requests
// that no handler saw, lack a header and are not described.
func described(t testing.TB, method, target string, a *answer, body string) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil || a.header.Get("X-Content-Type-Options") == "" {
		return
	}
	request := fmt.Sprintf("%d for %s %s", a.status, method, target)
	response := responseTo(method, u.EscapedPath(), a.status)
	if response == nil {
		t.Errorf("docs/openapi.yaml has no %s", request)
		return
	}
	contentType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	content := response.at("content", contentType)
	if contentType != "" && content == nil {
		t.Errorf("docs/openapi.yaml has no %s of %s", contentType, request)
	}
	headersDescribed(t, request, response.at("headers"), a.header)
	var value any
	if strings.HasSuffix(contentType, "json") && a.header.Get("Content-Encoding") == "" && json.Unmarshal([]byte(body), &value) == nil {
		fits(t, content.at("schema"), value)
	}
}

// responseTo returns the response of the document for an answer, or nil.
func responseTo(method, path string, status int) node {
	responses := openAPI().at("components", "responses")
	op := operation(method, path)
	switch {
	case op == nil && status == http.StatusMethodNotAllowed:
		return responses.at("MethodNotAllowed")
	case op == nil && status == http.StatusForbidden:
		return responses.at("Forbidden")
	case op == nil && status == http.StatusMisdirectedRequest:
		return responses.at("Misdirected")
	case op == nil && status == http.StatusNotFound:
		return responses.at("NotFound")
	case op == nil && status == http.StatusNoContent && method == http.MethodOptions:
		return responses.at("Options")
	}
	return op.at("responses", strconv.Itoa(status))
}

// headersDescribed checks that an answer has each required header and no header that
// the document does not have.
func headersDescribed(t testing.TB, request string, described node, header http.Header) {
	t.Helper()
	for name := range header {
		if !has(described, name) && !has(openAPI().at("x-headers-of-each-answer"), name) && name != "Content-Type" {
			t.Errorf("docs/openapi.yaml has no header %s of %s", name, request)
		}
	}
	for name := range described {
		if described.at(name)["required"] == true && header.Get(name) == "" {
			t.Errorf("no header %s in %s", name, request)
		}
	}
}

// has reports whether a header is in the list, in any spelling.
func has(headers node, name string) bool {
	for key := range headers {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// fits checks that the objects in a value have the members of a schema.
func fits(t testing.TB, schema node, value any) {
	t.Helper()
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			fits(t, schema.at("items"), item)
		}
	case map[string]any:
		if schema.at("properties") == nil {
			return
		}
		for _, name := range list(schema["required"]) {
			if _, ok := value[name.(string)]; !ok {
				t.Errorf("no member %s in %v", name, value)
			}
		}
		for name, item := range value {
			if _, ok := schema.at("properties")[name]; !ok {
				t.Errorf("docs/openapi.yaml has no member %s of %v", name, value)
			}
			fits(t, schema.at("properties", name), item)
		}
	}
}

// Answers that no other test of this package gets are described too.
func TestOpenAPIAdmin(t *testing.T) {
	admin, err := handlers.NewAdmin(handlers.AdminOptions{
		Token: auth.NewBearer("sesame"), Engine: idleEngine(t), LogLevel: new(slog.LevelVar), Logger: slog.New(slog.DiscardHandler),
		Reload:    func() (any, error) { return nil, io.ErrUnexpectedEOF },
		Cluster:   func(context.Context) (any, error) { return nil, io.ErrUnexpectedEOF },
		Upstreams: func() []hub.Upstream { return []hub.Upstream{{Name: "a", Status: hub.Status{State: hub.Live}}} },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"POST /-/reload", "GET /-/log-level", `POST /-/log-level {"level":"warn"}`, "POST /-/log-level", "GET /-/upstreams", "GET /-/cluster"} {
		method, path, _ := strings.Cut(request, " ")
		path, body, _ := strings.Cut(path, " ")
		for _, header := range []http.Header{{}, {"Authorization": {"Bearer sesame"}}, {"Origin": {"https://example.com"}}} {
			w := recorder{ResponseRecorder: httptest.NewRecorder()}
			r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:9090"+path, strings.NewReader(body))
			r.Header = header
			admin.ServeHTTP(w, r)
			described(t, method, path, &answer{status: w.Code, header: w.Header()}, w.Body.String())
		}
	}
}
