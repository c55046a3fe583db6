package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polluxhub/pollux"
	"github.com/polluxhub/pollux/hub/document"
	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// apiAnswer is an answer of an API, see testdata/answers/README.md.
type apiAnswer struct {
	status int
	header http.Header
	body   string
}

func readAnswer(t *testing.T, name string) *apiAnswer {
	t.Helper()
	text, err := os.ReadFile("testdata/answers/" + name + ".http")
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &apiAnswer{response.StatusCode, response.Header, string(body)}
}

// with returns the same answer in which parts of the body are replaced, each of which it has.
func (a *apiAnswer) with(t *testing.T, replaced ...string) *apiAnswer {
	t.Helper()
	other := *a
	for i := 0; i < len(replaced); i += 2 {
		if !strings.Contains(a.body, replaced[i]) {
			t.Fatalf("no %s in the answer", replaced[i])
		}
	}
	other.body = strings.NewReplacer(replaced...).Replace(a.body)
	other.header = a.header.Clone()
	if other.header.Get("ETag") != "" {
		other.header.Set("ETag", `W/"another"`)
	}
	return &other
}

// replay is a server that sends an answer as it was written, to conditional requests 304, and
// keeps the last request.
type replay struct {
	*httptest.Server
	now   atomic.Pointer[apiAnswer]
	asked atomic.Pointer[http.Request]
}

func startReplay(t *testing.T, first *apiAnswer, overTLS bool) *replay {
	t.Helper()
	r := new(replay)
	r.now.Store(first)
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.asked.Store(request)
		a := r.now.Load()
		header := w.Header()
		header["Date"] = nil // some have none
		maps.Copy(header, a.header)
		if tag := a.header.Get("ETag"); tag != "" && request.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	if overTLS {
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(r.Close)
	return r
}

// TestCookbookAnswers runs the configurations of the cookbook as they stand, but for the host
// of the upstream, against answers of the real APIs: what clients get, which answers are news
// and which are not, and when Pollux would ask again.
func TestCookbookAnswers(t *testing.T) {
	all := t
	for _, test := range []struct {
		number   int
		answer   string
		keys     []string          // that are asked for, if it has keys
		request  string            // that the API gets
		header   map[string]string // of it
		document string            // that clients get, or how it begins if it is long
		bytes    int               // of the answer, for each byte of the document: what select saves; 0 without
		same     []string          // what is replaced in an answer that is no news
		news     []string          // what is replaced in an answer that is
		arrays   int               // whose elements key identifies
		wait     time.Duration     // that the API wants; 0 for none
		said     string            // the header that says so
	}{
		{
			number: 1, answer: "statuspage", request: "GET /api/v2/summary.json", bytes: 10,
			document: `{"incidents":[{"impact":"minor","name":"Incident with Actions","news":"We are seeing some workflow runs start with a delay`,
			same:     []string{`"updated_at":"2026-11-30T11:54:12.973Z"`, `"updated_at":"2026-11-30T11:59:12.001Z"`, `"position":4`, `"position":5`},
			news:     []string{"Minor Service Outage", "All Systems Operational"},
		},
		{
			number: 2, answer: "open-meteo", request: "GET /v1/forecast?latitude=52.52&longitude=13.41&current=temperature_2m,wind_speed_10m", bytes: 4,
			document: `{"celsius":4.3,"time":"2026-11-30T12:00","wind":11.2}`,
			same:     []string{`"generationtime_ms":0.04971027374267578`, `"generationtime_ms":0.0313`},
			news:     []string{`"temperature_2m":4.3`, `"temperature_2m":4.4`},
		},
		{
			number: 3, answer: "frankfurter", request: "GET /v1/latest?base=EUR&symbols=USD,GBP,JPY,CHF",
			document: `{"amount":1.0,"base":"EUR","date":"2026-11-27","rates":{"CHF":0.9318,"GBP":0.8762,"JPY":181.07,"USD":1.1593}}`,
			news:     []string{`1.1593`, `1.1594`}, wait: 15 * time.Minute, said: "Cache-Control: public, max-age=900",
		},
		{
			number: 4, answer: "prometheus", request: "GET /api/v1/query?query=sum%20by%20(instance)(rate(http_requests_total[1m]))", bytes: 1,
			document: `[{"id":"10.20.`, arrays: 1,
			same: []string{`1796040007.284`, `1796040022.284`},
			news: []string{`:8080"},"value":[1796040007.284,"`, `:8080"},"value":[1796040022.284,"1`},
		},
		{
			number: 5, answer: "kubernetes-pods", request: "GET /api/v1/namespaces/shop/pods?limit=200", bytes: 40,
			header:   map[string]string{"Authorization": "Bearer content"},
			document: `[{"id":"`, arrays: 1,
			same: []string{`"resourceVersion":"48812655"`, `"resourceVersion":"48812701"`, `"f:startTime":{}`, `"f:startTime":{},"f:reason":{}`},
			news: []string{`"restartCount":14`, `"restartCount":15`},
		},
		{
			number: 6, answer: "github-graphql", request: "POST /graphql", header: map[string]string{"Authorization": "Bearer value", "Content-Type": "application/json"},
			document: `{"data":{"rateLimit":{"remaining":4998},"repository":{"stargazerCount":131207,"issues":{"totalCount":9612}}}}`,
			same:     []string{`"remaining":4998`, `"remaining":4997`},
			news:     []string{`131207`, `131208`}, wait: 503 * time.Millisecond, said: "X-RateLimit-Reset: 1796042521",
		},
		{
			number: 7, answer: "github-runs", request: "GET /repos/golang/go/actions/runs?per_page=10", bytes: 80,
			header:   map[string]string{"Authorization": "Bearer value", "Accept": "application/vnd.github+json", "X-Github-Api-Version": "2022-11-28"},
			document: `[{"branch":"release-branch.go1.26","id":19781264113,"name":"CodeQL","state":"queued"},{"branch":"master",`, arrays: 1,
			same: []string{`"total_count":18233`, `"total_count":18234`},
			news: []string{`"status":"queued"`, `"status":"in_progress"`}, wait: 504 * time.Millisecond, said: "X-RateLimit-Reset: 1796042521",
		},
		{
			number: 8, answer: "tasmota", request: "GET /cm?cmnd=Status%2010",
			document: `{"StatusSNS":{"Time":"2026-11-30T13:00:07","BME280":{"Temperature":21.4,"Humidity":43.7,"DewPoint":8.5,"Pressure":1013.2},"PressureUnit":"hPa","TempUnit":"C"}}`,
			same:     []string{`13:00:07`, `13:00:17`}, news: []string{`21.4`, `21.5`},
		},
		{
			number: 9, answer: "palworld-players", request: "GET /v1/api/players", header: map[string]string{"Authorization": "Basic value"}, bytes: 3,
			document: `[{"id":"`, arrays: 1,
			same: []string{`"building_count":`, `"building_count":1`}, news: []string{`"level":50`, `"level":51`},
		},
		{
			number: 12, answer: "github-runs", keys: []string{"go"}, request: "GET /repos/golang/go/actions/runs?per_page=10", bytes: 80,
			document: `[{"branch":"release-branch.go1.26","id":19781264113,"name":"CodeQL","state":"queued"},{"branch":"master",`, arrays: 1,
			news: []string{`"conclusion":"failure"`, `"conclusion":"success"`}, wait: 504 * time.Millisecond, said: "X-RateLimit-Reset: 1796042521",
		},
		{
			number: 16, answer: "usgs", request: "GET /earthquakes/feed/v1.0/summary/2.5_day.geojson",
			document: `{"type":"FeatureCollection","metadata":{"generated":1796039998000,"url":"https://earthquake.usgs.gov/`, arrays: 1,
			same: []string{`"generated":1796039998000`, `"generated":1796040058000`},
			news: []string{`"status":"automatic"`, `"status":"reviewed"`}, wait: 54 * time.Second, said: "Cache-Control: public, max-age=60",
		},
		{
			number: 17, answer: "gbfs", request: "GET /oslobysykkel.no/station_status.json", header: map[string]string{"Client-Identifier": "example-citymap"},
			document: `{"last_updated":1796040000,"ttl":15,"version":"2.3","data":{"stations":[{"station_id":"`, arrays: 1,
			same: []string{`"last_updated":1796040000`, `"last_updated":1796040015`, `"last_reported":17960399`, `"last_reported":17960400`},
			news: []string{`"num_bikes_available":7,`, `"num_bikes_available":6,`}, wait: 15 * time.Second, said: "ttl: 15",
		},
		{
			number: 18, answer: "nws-alerts", request: "GET /alerts/active?area=CA", bytes: 3,
			header:   map[string]string{"Accept": "application/geo+json", "User-Agent": httpjson.UserAgent(version(), "ops@example.com")},
			document: `[{"area":"Greater Lake Tahoe Area; Lassen-Eastern Plumas-Eastern Sierra Counties","description":"* WHAT...Heavy snow expected.`, arrays: 1,
			same: []string{`"updated": "2026-11-30T11:59:00+00:00"`, `"updated": "2026-11-30T12:01:00+00:00"`},
			news: []string{`"severity": "Minor"`, `"severity": "Moderate"`}, wait: 30 * time.Second, said: "Cache-Control: public, max-age=30, s-maxage=30",
		},
		{
			number: 19, answer: "home-assistant", request: "GET /api/states", header: map[string]string{"Authorization": "Bearer content"}, bytes: 1,
			document: `[{"attributes":{`, arrays: 1,
			same: []string{`"last_reported":"2026-11-30T11`, `"last_reported":"2026-11-30T12`},
			news: []string{`"state":"412.7"`, `"state":"410.2"`},
		},
		{
			number: 20, answer: "coingecko-markets", keys: []string{"bitcoin", "ethereum"}, request: "GET /api/v3/coins/markets?vs_currency=eur&ids=bitcoin,ethereum",
			header: map[string]string{"X-Cg-Demo-Api-Key": "content"}, bytes: 3,
			document: `{"at":"2026-11-30T11:59:4`,
			same:     []string{`"high_24h":`, `"high_24h":1`}, news: []string{`"current_price":79812`, `"current_price":79790`},
		},
	} {
		t.Run(fmt.Sprintf("%d %s", test.number, test.answer), func(t *testing.T) {
			first := readAnswer(t, test.answer)
			upstream := startReplay(t, first, test.number == 5)
			use := recipes(all, upstream.URL)[test.number-1] // whose variables last until all of these tests have ended
			t.Parallel()
			name, _, _ := strings.Cut(strings.FieldsFunc(use.watched(t), func(r rune) bool { return strings.ContainsRune("=&,", r) })[1], "/")
			stream := streamOf(t, use.file, name)

			trial := tryIt(t, stream, test.keys)
			if trial.Err != nil {
				class, reason := trial.Class()
				t.Fatalf("%s: %s", class, reason)
			}
			got := trial.Parts[0].Document
			if !strings.HasPrefix(string(got), test.document) {
				t.Errorf("the document is %.300s\nwant %s", got, test.document)
			}
			if test.bytes > 0 && len(first.body) < test.bytes*len(got) {
				t.Errorf("of %d bytes select leaves %d", len(first.body), len(got))
			}
			asked := upstream.asked.Load()
			if request := asked.Method + " " + asked.RequestURI; request != test.request {
				t.Errorf("the API was asked %s, want %s", request, test.request)
			}
			for name, want := range test.header {
				if got := asked.Header.Get(name); got != want {
					t.Errorf("the API got %s: %s, want %s", name, got, want)
				}
			}
			if trial.Wait.Round(time.Millisecond) != test.wait || trial.Said != test.said {
				t.Errorf("it waits %v because of %q, want %v because of %q", trial.Wait, trial.Said, test.wait, test.said)
			}
			if test.arrays > 0 {
				pointer, err := document.ParsePointer(stream.Key)
				if err != nil {
					t.Fatal(err)
				}
				v, err := document.Parse(got)
				if err != nil {
					t.Fatal(err)
				}
				if with, without := identified(v, pointer); with != test.arrays {
					t.Errorf("%s identifies the elements of %d arrays, and not those of %d", stream.Key, with, without)
				}
			}

			if tag := first.header.Get("ETag"); tag != "" && test.keys == nil {
				again, err := stream.Poll.Source.Fetch(t.Context(), trial.Reading.Version)
				if err != nil || !again.Unchanged || upstream.asked.Load().Header.Get("If-None-Match") != tag {
					t.Errorf("asked again with the ETag: %v, unchanged %v", err, again.Unchanged)
				}
			}
			for _, other := range []struct {
				replaced []string
				same     bool
			}{{test.same, true}, {test.news, false}} {
				if other.replaced == nil {
					continue
				}
				upstream.now.Store(first.with(t, other.replaced...))
				next := tryIt(t, stream, test.keys)
				if next.Err != nil {
					t.Fatal(next.Err)
				}
				if same := stream.Poll.Same(got, next.Parts[0].Document); same != other.same {
					t.Errorf("with %q the document is the same: %v, want %v", other.replaced, same, other.same)
				}
			}
			upstream.now.Store(first)
			watchUse(t, use, string(got))
		})
	}
}

// streamOf returns a stream of a configuration, ready to be asked.
func streamOf(t *testing.T, file, name string) pollux.Stream {
	t.Helper()
	_, streams, err := (&tryCommand{Config: file}).streams()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(streams, func(s pollux.Stream) bool { return s.Name == name })
	if at < 0 {
		t.Fatalf("there is no stream %s", name)
	}
	return streams[at]
}

func tryIt(t *testing.T, stream pollux.Stream, keys []string) poller.Trial {
	t.Helper()
	stream.Poll.Name = stream.Name
	trial, err := stream.Poll.Try(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return trial
}

// watchUse starts the program, and waits at the address of the cookbook for a document.
func watchUse(t *testing.T, use recipe, want string) {
	t.Helper()
	url, stop := startProgram(t, "--config", use.file)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	reader := startReader(t, url+use.watched(t))
	eventually(t, "the document arrives", func() bool {
		heard, _ := reader.all()
		return slices.ContainsFunc(heard, func(event string) bool { return strings.HasSuffix(event, want) })
	})
}

// When GitHub or CoinGecko refuses because of too many requests, clients keep what they have,
// and Pollux asks again when the API says.
func TestCookbookLimits(t *testing.T) {
	for _, test := range []struct {
		number      int
		stream      string
		answer      string
		keys        []string
		class, said string
		wait        time.Duration
	}{
		{6, "repository", "github-graphql-limited", nil, "refused", "X-RateLimit-Reset: 1796042521", 2514 * time.Second},
		{20, "coins", "coingecko-throttled", []string{"bitcoin"}, "http_429", "Retry-After: 60", time.Minute},
	} {
		upstream := startReplay(t, readAnswer(t, test.answer), false)
		trial := tryIt(t, streamOf(t, recipes(t, upstream.URL)[test.number-1].file, test.stream), test.keys)
		if class, reason := trial.Class(); class != test.class || trial.Wait != test.wait || trial.Said != test.said {
			t.Errorf("%s: %s (%s), waits %v because of %q", test.answer, class, reason, trial.Wait, trial.Said)
		}
	}
}
