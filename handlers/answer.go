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
// 304. The tag is an entity tag with its quotes, and holds no comma.
func answerTagged(c echo.Context, contentType, tag string, body []byte) error {
	w := c.Response()
	w.Header().Set("Cache-Control", "no-cache") // keep it, but ask each time
	w.Header().Set("ETag", tag)
	if hasTag(c.Request().Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return answer(c, http.StatusOK, contentType, body)
}

// hasTag does the weak comparison that RFC 9110 section 13.1.2 wants for
// If-None-Match.
func hasTag(values []string, tag string) bool {
	list := strings.TrimSpace(strings.Join(values, ","))
	if list == "*" {
		return true
	}
	for one := range strings.SplitSeq(list, ",") {
		if strings.TrimPrefix(strings.TrimSpace(one), "W/") == tag {
			return true
		}
	}
	return false
}
