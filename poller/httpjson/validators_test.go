package httpjson_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/polluxhub/pollux/poller"
	"github.com/polluxhub/pollux/poller/httpjson"
)

// TestYoungDocument checks how much older than its answer a document must be, by the
// clock of the upstream, for its validators to be kept. That clock can be wrong.
func TestYoungDocument(t *testing.T) {
	const tag = `"5f3-2a"`
	form := func(at time.Time) string { return at.UTC().Format(http.TimeFormat) }
	for _, clock := range []time.Time{time.Now(), time.Now().AddDate(-15, 0, 0), time.Now().AddDate(15, 0, 0)} {
		now := form(clock)
		for _, test := range []struct {
			name, etag, modified, date string
			want                       poller.Version
		}{
			{"of this very second", "", now, now, poller.Version{}},
			{"of the second before", "", form(clock.Add(-time.Second)), now, poller.Version{LastModified: form(clock.Add(-time.Second))}},
			{"of two seconds before", "", form(clock.Add(-2 * time.Second)), now, poller.Version{LastModified: form(clock.Add(-2 * time.Second))}},
			{"of the next second", "", form(clock.Add(time.Second)), now, poller.Version{}},
			{"of fifteen years ahead", "", form(clock.AddDate(15, 0, 0)), now, poller.Version{}},
			{"without a date", "", form(clock.AddDate(-1, 0, 0)), "", poller.Version{}},
			{"with what is no date", "", form(clock.AddDate(-1, 0, 0)), "today", poller.Version{}},
			{"of what is no time", "", "yesterday", now, poller.Version{}},
			{"of an hour before, in another form", "", clock.Add(-time.Hour).UTC().Format(time.ANSIC), now, poller.Version{LastModified: clock.Add(-time.Hour).UTC().Format(time.ANSIC)}},

			{"an ETag waits with its time", tag, now, now, poller.Version{}},
			{"a weak one too", "W/" + tag, now, now, poller.Version{}},
			{"and without a date", tag, now, "", poller.Version{}},
			{"both, a second later", tag, form(clock.Add(-time.Second)), now, poller.Version{ETag: tag, LastModified: form(clock.Add(-time.Second))}},
			{"an ETag alone", tag, "", now, poller.Version{ETag: tag}},
			{"an ETag alone, without a date", tag, "", "", poller.Version{ETag: tag}},
		} {
			t.Run(test.name+", "+clock.Format("2006"), func(t *testing.T) {
				server := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
					for name, value := range map[string]string{"ETag": test.etag, "Last-Modified": test.modified, "Date": test.date} {
						w.Header()[http.CanonicalHeaderKey(name)] = nil
						if value != "" {
							w.Header().Set(name, value)
						}
					}
					_, _ = io.WriteString(w, `1`)
				})
				got, err := get(t, httpjson.Options{URL: server.URL})
				if err != nil || got.Version != test.want {
					t.Errorf("%+v, %v, want %+v", got.Version, err, test.want)
				}
			})
		}
	}
}
