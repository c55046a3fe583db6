package httpjson

import (
	"cmp"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Bounds on the cookies of one source. Browsers keep more, for many hosts; servers accept
// about half of maxCookieBytes in a header.
const (
	maxCookies     = 50
	maxCookie      = 4 << 10  // bytes of a name and its value (RFC 6265 section 6.1)
	maxCookieBytes = 16 << 10 // bytes of all names and values
)

// cookies are those that a source has been given (RFC 6265). A host can set them for itself
// and its domain, but not for a public suffix such as co.uk. At the bounds, the cookie that
// was set longest ago gives way. Its methods are safe for concurrent use.
type cookies struct {
	mu    sync.Mutex
	jar   *cookiejar.Jar // which has no bounds
	kept  map[cookieID]keptCookie
	bytes int
	count uint64 // of cookies that were set
}

// cookieID tells cookies apart (section 5.3), as package cookiejar does.
type cookieID struct {
	domain, path, name string
}

// keptCookie is a cookie in the jar.
type keptCookie struct {
	from   *url.URL
	domain string // as the cookie has it; empty for one of its host alone
	value  string
	ends   time.Time // zero: with the process
	set    uint64    // the count at that time
}

func (k keptCookie) size(id cookieID) int { return len(id.name) + len(k.value) }

func newCookies() *cookies {
	jar, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // its error is always nil
	return &cookies{jar: jar, kept: make(map[cookieID]keptCookie)}
}

// add adds the cookies for a URL to a request.
func (c *cookies) add(request *http.Request) {
	for _, cookie := range c.jar.Cookies(request.URL) {
		request.AddCookie(cookie)
	}
}

// take keeps the cookies that came from a URL.
func (c *cookies) take(from *url.URL, response *http.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for _, cookie := range response.Cookies() {
		if len(cookie.Name)+len(cookie.Value) > maxCookie {
			continue
		}
		c.takeLocked(from, cookie, now)
	}
}

func (c *cookies) takeLocked(from *url.URL, cookie *http.Cookie, now time.Time) {
	id := idOf(from, cookie)
	next := keptCookie{from: from, domain: cookie.Domain, value: cookie.Value}
	switch {
	case cookie.MaxAge > 0:
		next.ends = now.Add(time.Duration(min(cookie.MaxAge, maxCookieAge)) * time.Second)
	case cookie.MaxAge == 0:
		next.ends = cookie.Expires
	}
	c.jar.SetCookies(from, []*http.Cookie{cookie})
	if cookie.MaxAge < 0 || !next.ends.IsZero() && !next.ends.After(now) {
		c.dropLocked(id)
		return
	}
	if !c.hasLocked(id, cookie.Value) {
		return // the jar does not accept it
	}
	c.dropLocked(id) // which it replaces
	c.count++
	next.set = c.count
	c.kept[id] = next
	c.bytes += next.size(id)
	for len(c.kept) > maxCookies || c.bytes > maxCookieBytes {
		oldest := c.oldestLocked(now)
		k := c.kept[oldest]
		c.jar.SetCookies(k.from, []*http.Cookie{{Name: oldest.name, Path: oldest.path, Domain: k.domain, MaxAge: -1}}) //nolint:gosec // it removes one
		c.dropLocked(oldest)
	}
}

// maxCookieAge is the longest life of a cookie that is counted, in seconds: a year.
const maxCookieAge = 365 * 24 * 60 * 60

// idOf returns the ID that a cookie of a URL has.
func idOf(from *url.URL, cookie *http.Cookie) cookieID {
	id := cookieID{domain: strings.TrimPrefix(cookie.Domain, "."), path: cookie.Path, name: cookie.Name}
	id.domain = strings.ToLower(cmp.Or(id.domain, from.Hostname()))
	if !strings.HasPrefix(id.path, "/") { // section 5.1.4
		id.path = from.Path[:max(0, strings.LastIndexByte(from.Path, '/'))]
	}
	id.path = cmp.Or(id.path, "/")
	return id
}

// hasLocked reports whether the jar has a cookie.
func (c *cookies) hasLocked(id cookieID, value string) bool {
	at := &url.URL{Scheme: "https", Host: id.domain, Path: id.path}
	if strings.Contains(id.domain, ":") {
		at.Host = "[" + id.domain + "]"
	}
	return slices.ContainsFunc(c.jar.Cookies(at), func(one *http.Cookie) bool { return one.Name == id.name && one.Value == value })
}

// oldestLocked returns a cookie that has ended, or the one that was set longest ago.
func (c *cookies) oldestLocked(now time.Time) (oldest cookieID) {
	first := c.count + 1
	for id, k := range c.kept {
		if !k.ends.IsZero() && !k.ends.After(now) {
			return id
		}
		if k.set < first {
			oldest, first = id, k.set
		}
	}
	return oldest
}

func (c *cookies) dropLocked(id cookieID) {
	if old, ok := c.kept[id]; ok {
		c.bytes -= old.size(id)
		delete(c.kept, id)
	}
}

// values returns the values of all cookies, which are secrets.
func (c *cookies) values() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var values []string
	for _, k := range c.kept {
		values = append(values, k.value)
	}
	return values
}

// sets returns how many cookies were set so far.
func (c *cookies) sets() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}
