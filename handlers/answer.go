package handlers

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// answer sends an answer that is whole and known. Of an answer to HEAD net/http
// sends the headers alone.
func answer(c echo.Context, status int, contentType string, body []byte) error {
	w := c.Response()
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// answerJSON sends what holds for this moment only.
func answerJSON(c echo.Context, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return answer(c, status, "application/json", body)
}

// answerTagged sends what the caller may have already, and then is told so by
// 304. The tag is an entity tag with its quotes, and holds no comma. coding is
// that of the body, "" if there is none.
func answerTagged(c echo.Context, contentType, tag, coding string, body []byte) error {
	if hasTag(c.Request().Header.Values("If-None-Match"), opaque(tag)) {
		return answerUnchanged(c, tag)
	}
	if coding != "" {
		c.Response().Header().Set("Content-Encoding", coding)
	}
	setTag(c.Response().Header(), tag)
	return answer(c, http.StatusOK, contentType, body)
}

// answerUnchanged tells the caller that what it has is still right.
func answerUnchanged(c echo.Context, tag string) error {
	setTag(c.Response().Header(), tag)
	c.Response().WriteHeader(http.StatusNotModified)
	return nil
}

func setTag(header http.Header, tag string) {
	header.Set("Cache-Control", "no-cache") // keep it, but ask each time
	header.Set("ETag", tag)
}

// weak makes a tag say that the bytes may be others than those of another answer
// with the same tag, though they mean the same: one may be compressed (RFC 9110
// 8.8.3.3).
func weak(tag string) string { return weakMark + tag }

// opaque returns the tag without that mark, for weak comparison.
func opaque(tag string) string { return strings.TrimPrefix(tag, weakMark) }

const weakMark = "W/"

// hasTag does the weak comparison that RFC 9110 section 13.1.2 wants for
// If-None-Match. The tag is an opaque one.
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
