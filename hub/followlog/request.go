package followlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/polluxhub/pollux/hub"
)

// post sends a request with a body of JSON to an origin, with the token.
func (l *Log) post(ctx context.Context, origin int, path string, value any) (*http.Response, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return l.send(ctx, origin, path, body, l.authorize)
}

// authorize adds the token.
func (l *Log) authorize(header http.Header) error {
	token, err := l.opts.Token()
	if err == nil && token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return err
}

func (l *Log) send(ctx context.Context, origin int, path string, body []byte, prepare func(http.Header) error) (*http.Response, error) {
	u := *l.origins[origin]
	u.Path += path
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := prepare(r.Header); err != nil {
		return nil, err
	}
	resp, err := l.opts.Client.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // the URL says nothing new
	}
	return resp, err
}

// Append implements [hub.Log]: the origin publishes the document. The ID is zero if it waits
// there because of at_most. Errors of the origin are hub.ErrLogUnavailable and those that its
// answer means. A status cannot be published.
func (l *Log) Append(ctx context.Context, m hub.Message) (hub.ID, error) {
	if err := m.Check(); err != nil {
		return hub.ID{}, err
	}
	if err := ctx.Err(); err != nil {
		return hub.ID{}, err
	}
	if m.Status != nil {
		return hub.ID{}, fmt.Errorf("%w: the origin says how fresh its streams are", hub.ErrInvalidMessage)
	}
	origin, ok := l.current()
	if !ok {
		return hub.ID{}, fmt.Errorf("%w: there is no origin", hub.ErrLogUnavailable)
	}
	name := m.Stream
	if name == "" {
		name = hub.DefaultStream
	}
	resp, err := l.send(ctx, origin, "/api/streams/"+escaped(name)+"/events", m.Data, l.authorize)
	if err != nil {
		if ctx.Err() != nil {
			return hub.ID{}, ctx.Err()
		}
		return hub.ID{}, fmt.Errorf("%w: %w", hub.ErrLogUnavailable, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted:
		return publishedAs(resp.Body)
	case http.StatusNotFound:
		return hub.ID{}, fmt.Errorf("%w %q", hub.ErrUnknownStream, name)
	case http.StatusRequestEntityTooLarge:
		return hub.ID{}, hub.ErrTooLarge
	default:
		return hub.ID{}, fmt.Errorf("%w: %w", hub.ErrLogUnavailable, statusError(resp))
	}
}

// publishedAs returns the ID in the answer to a document.
func publishedAs(body io.Reader) (hub.ID, error) {
	var published struct{ ID *string }
	if err := json.NewDecoder(io.LimitReader(body, 4096)).Decode(&published); err != nil {
		return hub.ID{}, fmt.Errorf("%w: the answer of the origin: %w", hub.ErrLogUnavailable, err)
	}
	if published.ID == nil {
		return hub.ID{}, nil
	}
	return hub.ParseID(*published.ID)
}

// escaped returns the name of a stream or key as a part of a path.
func escaped(name string) string {
	stream, key := hub.SplitName(name)
	if key == "" {
		return stream
	}
	return stream + "/" + url.PathEscape(key)
}

// current returns the origin that is read.
func (l *Log) current() (origin int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at, l.session != "" && !l.lost.Load()
}

// forwarded are the headers that an origin gets of a request, and returned those that the
// client gets of the answer.
var (
	forwarded = []string{"Authorization", "Content-Type", "Content-Encoding", "Idempotency-Key", "X-Hub-Signature-256", "X-Hub-Signature"}
	returned  = []string{"Content-Type", "Retry-After", "WWW-Authenticate", "Cache-Control", "Accept-Encoding", "Allow"}
)

// retryAfter is when a client should try again that has met no origin, in seconds.
const retryAfter = "5"

// Forward returns a handler that has the origin answer a POST, with the credentials of the
// caller and not those of this process. A body of more than most bytes gets 413. done is called
// with the ID of each document that was published.
func (l *Log) Forward(most int64, done func(ctx context.Context, id hub.ID)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
		var over *http.MaxBytesError
		switch {
		case errors.As(err, &over):
			problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("A document must have at most %d bytes.", most))
			return
		case err != nil:
			problem(w, http.StatusBadRequest, "The body ended early.")
			return
		}
		origin, ok := l.current()
		if !ok {
			w.Header().Set("Retry-After", retryAfter)
			problem(w, http.StatusServiceUnavailable, "This server follows another one, and does not reach it now.")
			return
		}
		resp, err := l.send(r.Context(), origin, r.URL.EscapedPath(), body, func(header http.Header) error {
			for _, name := range forwarded {
				if values := r.Header.Values(name); len(values) > 0 {
					header[name] = values
				}
			}
			return nil
		})
		if err != nil {
			w.Header().Set("Retry-After", retryAfter)
			problem(w, http.StatusServiceUnavailable, "This server follows another one, which has not answered. The document can still be stored, once.")
			return
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			w.Header().Set("Retry-After", retryAfter)
			problem(w, http.StatusServiceUnavailable, "This server follows another one, whose answer has not arrived. The document can still be stored, once.")
			return
		}
		if resp.StatusCode == http.StatusOK && strings.HasSuffix(r.URL.Path, "/events") {
			if id, err := publishedAs(bytes.NewReader(answer)); err == nil && !id.IsZero() {
				done(r.Context(), id)
			}
		}
		for _, name := range returned {
			if values := resp.Header.Values(name); len(values) > 0 {
				w.Header()[name] = values
			}
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(answer) // the caller may have left
	})
}

// problem answers with a problem (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
	if err != nil {
		panic(err) // texts and a number
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may have left
}
