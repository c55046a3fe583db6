package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub/sse"
)

// startFollower opens a stream in a mode, as events or as lines.
func startFollower(t *testing.T, url, mode, accept string) *follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longEnough)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(got, accept) {
		t.Fatalf("GET %s: %s, %s", url, resp.Status, got)
	}
	f := &follower{mode: mode}
	if accept == "application/x-ndjson" {
		f.next = lines(resp.Body)
	} else {
		f.next = events(resp.Body)
	}
	return f
}

// events reads documents and deltas. Whether the upstream was late is left out.
func events(body io.Reader) func() (sse.Event, error) {
	decoder := sse.NewDecoder(body)
	return func() (sse.Event, error) {
		for {
			e, err := decoder.Next()
			if err != nil || e.Name != "status" {
				return e, err
			}
		}
	}
}

// lines is events for lines of JSON. A position alone, as after a status, is left out too.
func lines(body io.Reader) func() (sse.Event, error) {
	scanner := bufio.NewScanner(body)
	return func() (sse.Event, error) {
		for scanner.Scan() {
			var e struct {
				Event, ID string
				Data      json.RawMessage
			}
			if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
				return sse.Event{}, err
			}
			if e.Event != "hb" && e.Event != "status" && e.Event != "position" {
				return sse.Event{Name: e.Event, ID: e.ID, Data: e.Data}, nil
			}
		}
		return sse.Event{}, errors.Join(io.EOF, scanner.Err())
	}
}

// parsed returns a document with numbers as they are written.
func parsed(t *testing.T, document string) (value any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	return value
}

// merged applies a JSON Merge Patch (RFC 7396 section 2).
func merged(target, patch any) any {
	members, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = make(map[string]any)
	}
	for name, value := range members {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = merged(object[name], value)
		}
	}
	return object
}

// operation is one of a JSON Patch (RFC 6902).
type operation struct {
	Op, Path string
	Value    json.RawMessage
}

// apply applies it, as far as it is add, remove or replace, in objects and arrays.
func (o operation) apply(t *testing.T, document any) any {
	t.Helper()
	var value any
	switch o.Op {
	case "add", "replace":
		value = parsed(t, string(o.Value))
	case "remove":
	default:
		t.Fatalf("an operation that the test does not know: %s", o.Op)
	}
	return o.at(t, document, strings.Split(o.Path, "/")[1:], value)
}

func (o operation) at(t *testing.T, in any, path []string, value any) any {
	t.Helper()
	if len(path) == 0 {
		return value
	}
	last := len(path) == 1
	switch in := in.(type) {
	case map[string]any:
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[0])
		if last && o.Op == "remove" {
			delete(in, name)
		} else {
			in[name] = o.at(t, in[name], path[1:], value)
		}
		return in
	case []any:
		i, err := strconv.Atoi(path[0])
		switch {
		case path[0] == "-" && last:
			return append(in, value)
		case err != nil || i > len(in):
			t.Fatalf("no element %s", path[0])
		case last && o.Op == "add":
			return slices.Insert(in, i, value)
		case last && o.Op == "remove":
			return slices.Delete(in, i, i+1)
		default:
			in[i] = o.at(t, in[i], path[1:], value)
		}
		return in
	default:
		t.Fatalf("nothing at %s", o.Path)
		return nil
	}
}
