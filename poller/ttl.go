package poller

import (
	"math"
	"strconv"
	"time"

	"github.com/polluxhub/pollux/hub/document"
)

// ttl is how long the newest document says that it holds. The zero value says nothing.
type ttl struct {
	wait   time.Duration // at most MaxMaxWait
	notice string        // why it says nothing although it should
}

// ttlOf returns how long a document says that it holds: a number of seconds, or a string with
// one, at a pointer. A pointer to the whole document asks for nothing.
func ttlOf(at document.Pointer, data []byte) ttl {
	if at.String() == "" {
		return ttl{}
	}
	if root, err := document.Parse(data); err == nil {
		if value, found := at.Find(root); found {
			text := string(value.Raw())
			if value.Kind() == document.String {
				text = string(value.Text())
			}
			if seconds, err := strconv.ParseFloat(text, 64); !math.IsNaN(seconds) && (err == nil || seconds > 0) { // too large a number is infinite
				return ttl{wait: time.Duration(min(max(seconds, 0), MaxMaxWait.Seconds()) * float64(time.Second))}
			}
		}
	}
	return ttl{notice: "the answer has no number of seconds at " + at.String() + ", which is ttl"}
}

// lengthen returns the longer one of a wait that the upstream wants and the time for which the
// document holds, at most the given time, and what the upstream said of it.
func (t ttl) lengthen(wait time.Duration, said string, most time.Duration) (time.Duration, string) {
	if t.wait <= wait {
		return wait, said
	}
	return min(t.wait, most), "ttl: " + strconv.FormatFloat(t.wait.Seconds(), 'f', -1, 64)
}

// add returns what an operator should change, with what a reading says of that.
func (t ttl) add(notice string) string {
	if notice == "" || t.notice == "" {
		return notice + t.notice
	}
	return notice + "; " + t.notice
}
