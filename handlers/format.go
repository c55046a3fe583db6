package handlers

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout"
)

// The values of the parameter format.
const (
	formatJSON = "json"
	formatHTML = "html"
)

// htmlType is the content type of a document as HTML, and jsonType that of the document.
const (
	htmlType = "text/html; charset=utf-8"
	jsonType = "application/json"
)

// markOf begins the mark of a template in an entity tag. No ID has it.
const markOf = "~"

// htmlPolicy is the policy for a document as HTML that a browser shows as a page: nothing in
// it runs, and it is of no origin, should a template have let something through.
const htmlPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; sandbox"

// parseFormat returns the parameter format, or "" without one.
func parseFormat(query url.Values) (string, error) {
	format := query.Get("format")
	switch format {
	case "", formatJSON, formatHTML:
		return format, nil
	}
	return "", newProblem(http.StatusBadRequest, "format must be json or html.")
}

// needTemplates returns a problem for a stream of the request that has no HTML. One that
// does not exist, or is not for the caller, is not looked at: a status says that.
func (s *server) needTemplates(req fanout.Request) error {
	names := req.Streams
	if len(names) == 0 {
		names = []string{hub.DefaultStream}
	}
	for _, name := range names {
		if !slices.Contains(req.Hidden, name) && s.known(name) && s.Engine.Template(name) == nil {
			return noTemplate()
		}
	}
	return nil
}

func noTemplate() *problem {
	return newProblem(http.StatusNotAcceptable, "The stream has no template, so there is no HTML of it. Set template in its configuration, or leave format=html out.")
}

// negotiateHTML returns the mark of the template for a caller of a stream that is to get HTML:
// one that says so by format, or without format by Accept, if the stream has a template.
func (s *server) negotiateHTML(c echo.Context, query url.Values, req latestRequest) (string, error) {
	format, err := parseFormat(query)
	if err != nil {
		return "", err
	}
	template, parts := s.Engine.Template(req.stream), req.fields.String() != ""
	switch {
	case format == formatHTML && parts:
		return "", newProblem(http.StatusBadRequest, "format=html does not go with fields: the template chooses what of a document is shown.")
	case format == formatHTML && template == nil:
		return "", noTemplate()
	case format == formatHTML:
		return markOf + template.Mark(), nil
	case format == formatJSON || template == nil || parts:
		return "", nil
	}
	c.Response().Header().Add("Vary", "Accept")
	if !prefersHTML(c.Request().Header) {
		return "", nil
	}
	return markOf + template.Mark(), nil
}

// protectHTML sets the security headers of a document as HTML.
func protectHTML(header http.Header) {
	protect(header)
	header.Set("Content-Security-Policy", htmlPolicy)
}

// prefersHTML reports whether the caller names text/html and prefers it to JSON, as a
// browser does that shows the answer as a page.
func prefersHTML(header http.Header) bool {
	accept := parseWeights(header.Values("Accept"))
	named, _ := accept.find("text/html")
	return named > accept.of(jsonType)
}
