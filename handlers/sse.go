package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
)

// stream answers GET /api/sse. It makes the headers and the errors; the engine makes
// the body.
func (s *server) stream(c echo.Context) error {
	r, w := c.Request(), c.Response()
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		// On HTTP/1 net/http would wait for the body before the first flush. On
		// HTTP/2 it does not, and a length of -1 does not imply a body.
		w.Header().Set("Connection", "close")
		return newProblem(http.StatusBadRequest, "A request for a stream must not have a body.")
	}
	req, err := s.parseStream(c)
	switch {
	case errors.Is(err, errTooManyConnects):
		return s.refuse(c, req, err)
	case err != nil:
		return err
	}
	if err := unbounded(c); err != nil {
		return err
	}
	req.Gzip = !s.DisableCompression && acceptsGzip(r.Header)
	if err := s.admitKeys(r, req.Streams...); err != nil {
		return s.refuse(c, req, err)
	}
	client, err := s.Engine.Open(r, req)
	if err != nil {
		return s.refuse(c, req, err)
	}
	setStreamHeaders(c)
	w.Header().Set("Content-Type", contentTypeOf(req.View.Lines))
	if s.DisableCompression {
		w.Header().Add("Vary", "Accept")
	} else {
		w.Header().Add("Vary", "Accept, Accept-Encoding")
	}
	if req.Gzip {
		w.Header().Set("Content-Encoding", "gzip")
	}
	if r.Method == http.MethodHead {
		client.Close()
		w.WriteHeader(http.StatusOK)
		return nil
	}
	// The engine needs the writer of the server, because that of Echo hides errors
	// of Flush. So Echo does not see that the answer begins.
	w.Committed = true
	client.Serve(w.Writer, r)
	return nil
}

// setStreamHeaders sets the headers that all streams share.
func setStreamHeaders(c echo.Context) {
	r, header := c.Request(), c.Response().Header()
	header.Set("Cache-Control", private(c, "no-cache, no-transform"))
	header.Set("X-Accel-Buffering", "no") // nginx
	header.Set("Incremental", "?1")       // draft-ietf-httpbis-incremental
	if r.ProtoMajor == 1 && r.ProtoMinor > 0 {
		header.Set("Connection", "close") // the connection ends with the stream
	}
}
