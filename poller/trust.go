package poller

import (
	"strings"
	"time"
)

const (
	// DefaultRevalidate is how long a stream goes by "unchanged" before the
	// document is asked for in any case.
	DefaultRevalidate = time.Hour

	// conditionalPolls is how many fetches there are at least between two that
	// ask for the document in any case: one in a hundred costs an upstream little.
	conditionalPolls = 99
)

// hiddenMessage is what operators are told of a change that was hidden.
const hiddenMessage = "the upstream said that nothing had changed, but its document had: from now on it is asked for the whole document each time, as with conditional: false"

// trust is how far an upstream is believed that says "unchanged". An upstream
// whose validators do not change with its document, as one that names them after
// a build or a file that includes others, says so for ever. Nothing in its
// answers tells, so now and then the document is asked for in any case.
type trust struct {
	never bool          // the upstream is not believed
	every time.Duration // the least time between two fetches that ask in any case

	asked   time.Time // when the newest of them began; zero if none
	since   int       // fetches that have begun since
	vouched bool      // "unchanged" was said of the newest document
	suspect bool      // the newest change was found by asking in any case
}

// version returns what to ask a fetch with that begins now. since is the version
// of the newest document.
func (t *trust) version(now time.Time, since Version) Version {
	due := t.every
	if t.suspect {
		// So that a document which changes as regularly as it is asked for is met
		// between two of its changes.
		due += t.every / 2
	}
	if t.never || since == (Version{}) || t.since >= conditionalPolls && now.Sub(t.asked) >= due {
		t.asked, t.since = now, 0
		return Version{}
	}
	t.since++
	return since
}

// hear takes note of an answer that was well: what was asked with, the version of
// the document that clients had, and whether the answer has news for them. It
// returns true if the upstream said "unchanged" in spite of these news. Then it
// is not believed any more.
//
// That is so if the answer has the validators of the old document, which would
// have been "unchanged" again. If it has others, the change may have come just
// now, once; that it always comes just now, and never in answer to a conditional
// request, is no chance.
func (t *trust) hear(asked, since Version, answer Reading, news bool) (hidden bool) {
	conditional := asked != (Version{})
	switch {
	case answer.Unchanged:
		t.vouched = true
		return false
	case conditional:
		t.suspect = t.suspect && !news
	case news && t.vouched && since != (Version{}):
		hidden = covers(since, answer.Version) || t.suspect
		t.suspect = true
	}
	t.vouched = false
	t.never = t.never || hidden
	return hidden
}

// covers reports whether an upstream that gives its document the version answer
// says "unchanged" to who asks with the version asked (RFC 9110 section 13.2.2).
func covers(asked, answer Version) bool {
	if asked.ETag != "" {
		return opaque(asked.ETag) == opaque(answer.ETag)
	}
	if answer.LastModified == "" {
		return false
	}
	before, err := time.Parse(dateForm, asked.LastModified)
	after, err2 := time.Parse(dateForm, answer.LastModified)
	if err != nil || err2 != nil {
		return asked.LastModified == answer.LastModified
	}
	return !after.After(before)
}

// dateForm is the one form in which dates are sent today (RFC 9110 section 5.6.7).
const dateForm = "Mon, 02 Jan 2006 15:04:05 GMT"

// opaque returns an entity tag for a weak comparison (RFC 9110 section 8.8.3.2).
func opaque(tag string) string { return strings.TrimPrefix(tag, "W/") }
