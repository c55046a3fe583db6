package handlers

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// answer sends a complete answer. net/http sends only its headers in answer to HEAD.
func answer(c echo.Context, status int, contentType string, body []byte) error {
	w := c.Response()
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// answerJSON sends an answer that no cache may keep.
func answerJSON(c echo.Context, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return answer(c, status, jsonType, body)
}

// answerTagged sends the body, or 304 if the caller has it. The tag is an entity tag
// with its quotes, and holds no comma. coding is the content coding of the body, or
// "" for none.
func answerTagged(c echo.Context, contentType, tag, coding string, body []byte) error {
	if hasTag(c.Request().Header.Values("If-None-Match"), opaque(tag)) {
		return answerUnchanged(c, tag)
	}
	if coding != "" {
		c.Response().Header().Set("Content-Encoding", coding)
	}
	setTag(c, tag)
	return answer(c, http.StatusOK, contentType, body)
}

// answerUnchanged tells the caller that it has the newest content.
func answerUnchanged(c echo.Context, tag string) error {
	setTag(c, tag)
	c.Response().WriteHeader(http.StatusNotModified)
	return nil
}

func setTag(c echo.Context, tag string) {
	header := c.Response().Header()
	header.Set("Cache-Control", private(c, "no-cache")) // keep it, but ask each time
	header.Set("ETag", tag)
}

// weak makes a tag weak: answers with the same tag mean the same but can differ in
// bytes, because one may be compressed (RFC 9110 8.8.3.3).
func weak(tag string) string { return weakMark + tag }

// opaque returns a tag without the mark of a weak one, for weak comparison.
func opaque(tag string) string { return strings.TrimPrefix(tag, weakMark) }

const weakMark = "W/"

// hasTag reports whether If-None-Match matches an opaque tag by weak comparison, as
// RFC 9110 section 13.1.2 demands.
func hasTag(values []string, tag string) bool {
	list := strings.TrimSpace(strings.Join(values, ","))
	if list == "*" {
		return true
	}
	for one := range strings.SplitSeq(list, ",") {
		if opaque(strings.TrimSpace(one)) == tag {
			return true
		}
	}
	return false
}
