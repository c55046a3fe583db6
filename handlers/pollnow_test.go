package handlers_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polluxhub/pollux/handlers"
	"github.com/polluxhub/pollux/handlers/auth"
	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/hubtest"
)

const (
	pollToken  = "p0ll-t0ken"
	pollSecret = "p0ll-s3cret"
)

// pollRig has a stream of each kind, and counts the polls of each.
type pollRig struct {
	*rig
	polls map[string]*atomic.Int64
}

func newPollRig(t *testing.T, listener *hubtest.PipeListener) pollRig {
	names := []string{"both", "failing", "none", "pushed", "signed", "token"}
	p := pollRig{polls: make(map[string]*atomic.Int64)}
	for _, name := range names {
		p.polls[name] = &atomic.Int64{}
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	p.rig = newRig(t, setup{
		listener: listener,
		hub:      hub.Options{Streams: hub.Named(names...)},
		handlers: handlers.Options{
			PollNow: func(name string) (time.Time, error) {
				p.polls[name].Add(1)
				switch name {
				case "pushed":
					return time.Time{}, fmt.Errorf("poll: %w", handlers.ErrNotPolled)
				case "failing":
					return time.Time{}, errors.New("10.0.0.7 refused")
				}
				return at, nil
			},
			PollAuth: func(name string) handlers.PollAuth {
				token, secret := auth.NewBearer(pollToken), auth.NewSignature(pollSecret)
				switch name {
				case "both", "failing", "pushed":
					return handlers.PollAuth{Bearer: token, Signature: secret}
				case "signed":
					return handlers.PollAuth{Signature: secret}
				case "token":
					return handlers.PollAuth{Bearer: token}
				}
				return handlers.PollAuth{}
			},
		},
	})
	return p
}

func poll(stream, body string, header ...string) string {
	header = append(header, "Content-Length: "+strconv.Itoa(len(body)))
	return request("POST", "/api/streams/"+stream+"/poll", header...) + body
}

func signed(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return fmt.Sprintf("%s: sha256=%x", auth.SignatureHeader, mac.Sum(nil))
}

const pollAuthorized = "Authorization: Bearer " + pollToken

// A token or a signature allows a poll. A wrong one beside a right one does no harm.
func TestPollNow(t *testing.T) {
	for _, test := range []struct {
		name, request string
		want          int
	}{
		{"token", poll("token", "", pollAuthorized), 202},
		{"token and a body", poll("token", "ignored", pollAuthorized), 202},
		{"signature", poll("signed", `{"ref":"main"}`, signed(pollSecret, `{"ref":"main"}`)), 202},
		{"signature of no body", poll("signed", "", signed(pollSecret, "")), 202},
		{"signature in chunks", request("POST", "/api/streams/signed/poll", signed(pollSecret, "abc"), "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n", 202},
		{"either: token", poll("both", "x", pollAuthorized), 202},
		{"either: signature", poll("both", "x", signed(pollSecret, "x")), 202},
		{"token, wrong signature", poll("both", "x", pollAuthorized, signed("wrong", "x")), 202},
		{"signature, wrong token", poll("both", "x", authorized, signed(pollSecret, "x")), 202},
		{"token where a signature is wanted", poll("signed", "", pollAuthorized), 401},
		{"signature where a token is wanted", poll("token", "x", signed(pollSecret, "x")), 401},
		{"nothing", poll("both", ""), 401},
		{"wrong token", poll("both", "", authorized), 401},
		{"wrong secret", poll("both", "x", signed("wrong", "x")), 401},
		{"another body", poll("both", "x", signed(pollSecret, "y")), 401},
		{"two signatures", poll("both", "x", signed(pollSecret, "x"), signed(pollSecret, "x")), 401},
		{"two tokens", poll("both", "", pollAuthorized, pollAuthorized), 401},
		{"broken chunks", request("POST", "/api/streams/signed/poll", signed(pollSecret, "1"), "Transfer-Encoding: chunked") + "1\r\n1\r\nxyz\r\n", 400},
		{"26 MiB announced", request("POST", "/api/streams/signed/poll", signed(pollSecret, ""), "Content-Length: 27262976"), 413},
		{"of no source", poll("pushed", "", pollAuthorized), 409},
		{"that fails", poll("failing", "", pollAuthorized), 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newPollRig(t, nil)
			a, body := r.do(test.request)
			same(t, "status", a.status, test.want)
			name := strings.Split(test.request, "/")[3]
			same(t, "polled", r.polls[name].Load() == 1, test.want == 202 || test.want == 409 || test.want == 500)
			switch test.want {
			case 202:
				chunks := strings.Contains(test.request, "chunked")
				same(t, "closes", a.header.Get("Connection") == "close", chunks)
				a.header.Del("Connection")
				same(t, "head", a.head(t), lines("HTTP/1.1 202 Accepted", "Cache-Control: no-store", "Content-Length: "+strconv.Itoa(len(body)),
					"Content-Type: application/json", "X-Content-Type-Options: nosniff"))
				same(t, "body", body, `{"stream":"`+name+`","nextPoll":"2026-03-01T11:00:00.123Z"}`)
			case 409:
				same(t, "body", body, `{"title":"Conflict","status":409,"detail":"The stream is not polled: documents are published to it."}`)
			case 413:
				same(t, "body", body, `{"title":"Request Entity Too Large","status":413,"detail":"The body must have at most 26214400 bytes."}`)
			case 500:
				same(t, "cause in the log", r.log.Contains("10.0.0.7"), true)
			}
			for _, secret := range []string{pollToken, pollSecret} {
				if strings.Contains(body+a.head(t)+r.log.String(), secret) {
					t.Errorf("%s is told:\n%s\n%s", secret, a.raw, r.log)
				}
			}
		})
	}
}

// A body of the largest size of GitHub is read, and a larger one is refused.
func TestPollBodyLimit(t *testing.T) {
	r := newPollRig(t, nil)
	largest := strings.Repeat("x", 25<<20)
	a, _ := r.do(poll("signed", largest, signed(pollSecret, largest)))
	same(t, "25 MiB", a.status, 202)
	c := r.dial()
	c.send(request("POST", "/api/streams/signed/poll", signed(pollSecret, largest+"x"), "Transfer-Encoding: chunked") +
		fmt.Sprintf("%x\r\n%sx", len(largest)+1, largest))
	same(t, "a byte more", c.receive("POST").status, 413)
}

// Attack: guessing names. A caller without the right to poll gets the same answer for a
// stream, for one that cannot be polled by request, and for an unknown one.
func TestPollTellsNoNames(t *testing.T) {
	r := newPollRig(t, nil)
	for _, header := range [][]string{
		nil, {"Authorization: Bearer wrong"}, {"Authorization: Basic x"}, {signed("wrong", "body")}, {auth.SignatureHeader + ": sha256=x"},
		{"Authorization: Bearer wrong", signed("wrong", "body")}, {signed("wrong", "body"), signed("wrong", "body")},
	} {
		want, wantBody := r.do(poll("both", "body", header...))
		same(t, "status", want.status, 401)
		for _, name := range []string{"signed", "token", "none", "pushed", "failing", "unknown", "%62oth", "..%2f", "_"} {
			a, body := r.do(poll(name, "body", header...))
			same(t, name+": head", a.head(t), want.head(t))
			same(t, name+": body", body, wantBody)
		}
	}
	for name, polls := range r.polls {
		same(t, name, polls.Load(), 0)
	}
}

// A caller that may poll all streams gets the list of streams.
func TestPollUnknownStream(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{
		PollNow:  func(string) (time.Time, error) { t.Error("polled"); return time.Time{}, nil },
		PollAuth: func(string) handlers.PollAuth { return handlers.PollAuth{Bearer: auth.NewBearer(pollToken)} },
	}})
	a, body := r.do(poll("unknown", "", pollAuthorized))
	same(t, "status", a.status, 404)
	same(t, "body", body, `{"title":"Not Found","status":404,"detail":"No stream has that name.","streams":["default"]}`)
}

// Only POST polls.
func TestPollMethods(t *testing.T) {
	r := newPollRig(t, nil)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		a, _ := r.do(request(method, "/api/streams/both/poll", pollAuthorized))
		same(t, method, a.head(t), lines("HTTP/1.1 405 Method Not Allowed", "Allow: OPTIONS, POST", "Cache-Control: no-store",
			"Content-Length: 103", "Content-Security-Policy: "+csp, "Content-Type: application/problem+json", "Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff"))
	}
	same(t, "polls", r.polls["both"].Load(), 0)
}

// If no stream has a token or secret, the problem tells the operator what to do. If no
// stream can be polled, the route does not exist.
func TestPollIsOff(t *testing.T) {
	r := newRig(t, setup{handlers: handlers.Options{PollNow: func(string) (time.Time, error) { t.Error("polled"); return time.Time{}, nil }}})
	for _, name := range []string{"default", "unknown"} {
		for _, header := range [][]string{nil, {pollAuthorized}, {authorized}, {signed("", "")}} {
			a, body := r.do(poll(name, "", header...))
			same(t, "status", a.status, 403)
			same(t, "body", body, `{"title":"Forbidden","status":403,"detail":"Polling by request is off. `+
				`The operator can turn it on with poll_token or poll_secret of a stream."}`)
		}
	}
	a, _ := newRig(t, setup{}).do(poll("default", "", authorized))
	same(t, "no route", a.status, 404)
}

// Each stream can be polled once a second, and five times in a burst.
func TestPollLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPollRig(t, hubtest.NewPipeListener())
		defer r.stop()
		c := r.dial()
		try := func(stream string) *answer {
			c.send(poll(stream, "", pollAuthorized))
			a := c.receive("POST")
			body := a.text(t)
			if a.status == http.StatusTooManyRequests {
				same(t, "Retry-After", a.header.Get("Retry-After"), "1")
				same(t, "body", body, `{"title":"Too Many Requests","status":429,"detail":"Requests can poll a stream once a second, after a burst of 5."}`)
			}
			return a
		}
		for i := range 8 {
			same(t, fmt.Sprintf("try %d", i), try("both").status == 202, i < 5)
		}
		same(t, "another stream", try("token").status, 202)
		time.Sleep(time.Second - time.Millisecond)
		same(t, "too early", try("both").status, 429)
		time.Sleep(time.Millisecond)
		same(t, "a second later", try("both").status, 202)
		same(t, "and again", try("both").status, 429)
		time.Sleep(time.Minute)
		for i := range 6 {
			same(t, fmt.Sprintf("a minute later, %d", i), try("both").status == 202, i < 5)
		}
		same(t, "polls", r.polls["both"].Load(), 11)
		// A caller without the right credential does not count.
		for range 10 {
			c.send(poll("signed", "", authorized))
			c.receive("POST").text(t)
		}
		c.send(poll("signed", "", signed(pollSecret, "")))
		a := c.receive("POST")
		a.text(t)
		same(t, "of others", a.status, 202)
	})
}

// Attack: a body that arrives late costs a connection for 5 s.
func TestPollSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPollRig(t, hubtest.NewPipeListener())
		defer r.stop()
		for _, name := range []string{"both", "unknown"} {
			c := r.dial()
			begin := time.Now()
			c.send(request("POST", "/api/streams/"+name+"/poll", signed(pollSecret, "x"), "Content-Length: 1"))
			a := c.receive("POST")
			same(t, "body", a.text(t), tooSlow)
			same(t, "time", time.Since(begin), 5*time.Second)
			c.expectClosed()
		}
	})
}
