// Package keys is an upstream for streams with keys: a server that has a document for
// each of many keys, and counts what it is asked.
//
//	GET /price/K17               the document of one key
//	GET /quotes?symbols=K1,K2    {"quotes":[…]} with the documents of several keys
//	GET /stats                   what was counted, see [Stats]
//	POST /stats                  the same, and counting begins anew
//
// Some keys are slow, some fail, and there can be a limit on the requests of a second:
// see [Options]. The same keys are slow and fail each time.
package keys

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say what the server has, and how it misbehaves. The zero value of each but
// Keys is a server that behaves.
type Options struct {
	Keys   int           // there are K0 to K<Keys-1>; any other key is absent
	Change time.Duration // after which a document changes; 0: never

	Slow  float64       // the part of the keys that are slow, 0 to 1
	Delay time.Duration // of a request for a slow key, or for several keys of which one is slow

	Failing float64 // the part of the keys that fail: alone with 503, among others by being left out
	Broken  int     // each so many requests one fails with 503, whatever its keys; 0: none

	Limit int  // requests of a second, over which the answer is 429; 0: no limit
	Tell  bool // whether each answer tells in RateLimit headers what is left of the limit
}

// Stats are what the server has counted.
type Stats struct {
	Requests int         `json:"requests"`
	Keys     int         `json:"keys"`     // in all requests
	Distinct int         `json:"distinct"` // different ones
	InFlight int         `json:"inFlight"` // requests now
	Most     int         `json:"most"`     // requests at a time
	Twice    int         `json:"twice"`    // times that a key was in two requests at once
	Statuses map[int]int `json:"statuses"`
	Seconds  float64     `json:"seconds"` // since counting began
}

// Server is the handler. Its methods are safe for concurrent use.
type Server struct {
	opts Options
	mux  *http.ServeMux

	mu      sync.Mutex
	stats   Stats
	began   time.Time
	asked   map[string]bool
	flying  map[string]int // requests in flight, by key
	request int            // number of the newest one
	second  time.Time      // when the second of the limit began
	left    int            // of the limit
}

// New returns a server.
func New(opts Options) *Server {
	s := &Server{opts: opts, mux: http.NewServeMux(), flying: make(map[string]int)}
	s.reset()
	s.mux.HandleFunc("GET /price/{key}", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, []string{r.PathValue("key")}, s.one)
	})
	s.mux.HandleFunc("GET /quotes", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, strings.Split(r.URL.Query().Get("symbols"), ","), s.several)
	})
	s.mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Stats()) })
	s.mux.HandleFunc("POST /stats", func(w http.ResponseWriter, _ *http.Request) {
		stats := s.Stats()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reset()
		answer(w, stats)
	})
	return s
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Stats returns what was counted since the start, or since the last POST /stats.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Distinct, stats.Seconds = len(s.asked), time.Since(s.began).Seconds()
	stats.Statuses = make(map[int]int, len(s.stats.Statuses))
	for status, n := range s.stats.Statuses {
		stats.Statuses[status] = n
	}
	return stats
}

func (s *Server) reset() {
	inFlight := s.stats.InFlight
	s.stats = Stats{InFlight: inFlight, Most: inFlight, Statuses: make(map[int]int)}
	s.asked, s.began = make(map[string]bool), time.Now()
}

// serve counts a request, delays it, and answers it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, keys []string, content func(w http.ResponseWriter, r *http.Request, keys []string) int) {
	refused := s.begin(w, keys)
	status := refused
	if status == 0 {
		for _, key := range keys {
			if part(key, "slow") < s.opts.Slow {
				select {
				case <-time.After(s.opts.Delay):
				case <-r.Context().Done():
				}
				break
			}
		}
		status = content(w, r, keys)
	} else {
		w.WriteHeader(status)
	}
	s.end(keys, status)
}

// begin notes a request, and returns the status with which it is refused, or 0.
func (s *Server) begin(w http.ResponseWriter, keys []string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Requests++
	s.stats.Keys += len(keys)
	s.stats.InFlight++
	s.stats.Most = max(s.stats.Most, s.stats.InFlight)
	for _, key := range keys {
		s.asked[key] = true
		if s.flying[key]++; s.flying[key] > 1 {
			s.stats.Twice++
		}
	}
	if s.opts.Limit > 0 {
		now := time.Now()
		if now.Sub(s.second) >= time.Second {
			s.second, s.left = now, s.opts.Limit
		}
		if s.opts.Tell {
			w.Header().Set("RateLimit-Remaining", strconv.Itoa(max(0, s.left-1)))
			w.Header().Set("RateLimit-Reset", "1")
		}
		if s.left == 0 {
			w.Header().Set("Retry-After", "1")
			return http.StatusTooManyRequests
		}
		s.left--
	}
	s.request++
	if s.opts.Broken > 0 && s.request%s.opts.Broken == 0 {
		return http.StatusServiceUnavailable
	}
	return 0
}

func (s *Server) end(keys []string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.InFlight--
	s.stats.Statuses[status]++
	for _, key := range keys {
		if s.flying[key]--; s.flying[key] == 0 {
			delete(s.flying, key)
		}
	}
}

// one answers with the document of one key.
func (s *Server) one(w http.ResponseWriter, r *http.Request, keys []string) int {
	status := http.StatusOK
	version := fmt.Sprintf(`"%d"`, s.tick(keys[0]))
	switch {
	case !s.has(keys[0]):
		status = http.StatusNotFound
	case s.fails(keys[0]):
		status = http.StatusServiceUnavailable
	case r.Header.Get("If-None-Match") == version:
		status = http.StatusNotModified
	}
	if status != http.StatusOK {
		w.WriteHeader(status)
		return status
	}
	w.Header().Set("ETag", version)
	answer(w, s.document(keys[0]))
	return status
}

// several answers with the documents of several keys.
func (s *Server) several(w http.ResponseWriter, _ *http.Request, keys []string) int {
	quotes := make([]Quote, 0, len(keys))
	for _, key := range keys {
		if s.has(key) && !s.fails(key) {
			quotes = append(quotes, s.document(key))
		}
	}
	answer(w, struct {
		Quotes []Quote `json:"quotes"`
	}{quotes})
	return http.StatusOK
}

// Quote is the document of a key.
type Quote struct {
	Symbol string  `json:"symbol"`
	Price  float64 `json:"price"`
	Tick   int64   `json:"tick"` // how often it has changed
}

func (s *Server) document(key string) Quote {
	tick := s.tick(key)
	return Quote{Symbol: key, Price: float64(tick%1000) + part(key, "price"), Tick: tick}
}

// tick returns how often the document of a key has changed. Keys change at different
// moments.
func (s *Server) tick(key string) int64 {
	if s.opts.Change <= 0 {
		return 0
	}
	phase := time.Duration(part(key, "phase") * float64(s.opts.Change))
	return time.Now().Add(phase).UnixNano() / int64(s.opts.Change)
}

func (s *Server) has(key string) bool {
	number, found := strings.CutPrefix(key, "K")
	n, err := strconv.Atoi(number)
	return found && err == nil && n >= 0 && n < s.opts.Keys && strconv.Itoa(n) == number
}

func (s *Server) fails(key string) bool { return part(key, "failing") < s.opts.Failing }

// part returns a number from 0 to less than 1 that is always the same for a key.
func part(key, what string) float64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(what + "/" + key)) // which never fails
	x := hash.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	return float64((x^x>>27)>>11) / (1 << 53)
}

func answer(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document) // whoever asked may have gone
}
