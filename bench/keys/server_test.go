package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func get(t *testing.T, s *Server, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func TestServer(t *testing.T) {
	s := New(Options{Keys: 50_000, Change: time.Hour})
	first := get(t, s, "/price/K49999")
	var quote Quote
	if err := json.Unmarshal(first.Body.Bytes(), &quote); err != nil || first.Code != 200 || quote.Symbol != "K49999" {
		t.Errorf("%d %s, %v", first.Code, first.Body, err)
	}
	for _, absent := range []string{"K50000", "K-1", "K01", "BTC"} {
		if w := get(t, s, "/price/"+absent); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", absent, w.Code)
		}
	}
	again := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/price/K49999", nil)
	again.Header.Set("If-None-Match", first.Header().Get("ETag"))
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, again); w.Code != http.StatusNotModified {
		t.Errorf("%d, want 304", w.Code)
	}
	var answer struct{ Quotes []Quote }
	if err := json.Unmarshal(get(t, s, "/quotes?symbols=K1,BTC,K2").Body.Bytes(), &answer); err != nil || len(answer.Quotes) != 2 {
		t.Errorf("%+v, %v", answer, err)
	}
	stats := s.Stats()
	if stats.Requests != 7 || stats.Keys != 9 || stats.Distinct != 7 || stats.Statuses[200] != 2 || stats.Statuses[404] != 4 || stats.Twice != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestServerMisbehaves(t *testing.T) {
	s := New(Options{Keys: 1000, Failing: 0.1, Broken: 10})
	failed := 0
	for i := range 1000 {
		if w := get(t, s, fmt.Sprint("/price/K", i)); w.Code == http.StatusServiceUnavailable {
			failed++
		}
	}
	if failed < 150 || failed > 230 {
		t.Errorf("%d of 1000 requests failed, want about 190", failed)
	}
	limited := New(Options{Keys: 10, Limit: 3, Tell: true})
	codes := map[int]int{}
	for range 5 {
		w := get(t, limited, "/price/K1")
		codes[w.Code]++
		if w.Header().Get("RateLimit-Remaining") == "" || w.Code == 429 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%d with %v", w.Code, w.Header())
		}
	}
	if codes[200] != 3 || codes[429] != 2 {
		t.Errorf("%v", codes)
	}
}

func TestServerNoticesTwoRequestsForAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Keys: 10, Slow: 1, Delay: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, path := range []string{"/price/K1", "/quotes?symbols=K1,K2", "/price/K3"} {
			all.Go(func() {
				s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
			})
		}
		synctest.Wait()
		if n := s.Stats().InFlight; n != 3 {
			t.Errorf("%d in flight", n)
		}
		cancel()
		all.Wait()
		if stats := s.Stats(); stats.Twice != 1 || stats.Most != 3 || stats.InFlight != 0 {
			t.Errorf("%+v", stats)
		}
	})
}
