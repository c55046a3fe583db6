package view

import (
	"context"
	"errors"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/fanout/wire"
	"github.com/polluxhub/pollux/hub/markup"
	"github.com/polluxhub/pollux/hub/sse"
)

// ErrNoHTML is returned by Views.HTML for a document that the template of its stream does
// not fit, or whose stream has no template.
var ErrNoHTML = errors.New("no HTML of the document")

// page is the HTML of an event.
type page struct {
	html   []byte
	failed bool // a document that the template does not fit
}

// template returns the template of a stream. One that has none can still tell statuses.
func (v *Views) template(stream string) *markup.Template {
	if t := v.registry.opts.Template(stream); t != nil {
		return t
	}
	return markup.Bare()
}

// HTML returns a document in the template of its stream. It must not be
// modified. It is made once for all callers and clients, by workers while they run. The
// error is ErrNoHTML or ctx's.
func (v *Views) HTML(ctx context.Context, event *hub.Event) ([]byte, error) {
	t := v.registry.opts.Template(event.Stream())
	if t == nil {
		return nil, ErrNoHTML
	}
	made, err := v.await(ctx, pageKey(event, t), inputs{template: t})
	if err != nil {
		return nil, err
	}
	if p := made.(*page); !p.failed { //nolint:forcetypeassert // see kind
		return p.html, nil
	}
	return nil, ErrNoHTML
}

func pageKey(e *hub.Event, t *markup.Template) key {
	return key{kind: kindPage, event: e, text: t.Mark()}
}

// page returns the HTML of an event.
func (c *cache) page(e *hub.Event, t *markup.Template) *page {
	return c.get(pageKey(e, t), inputs{template: t}).(*page) //nolint:forcetypeassert // see kind
}

// render makes a page. What a template fails at is counted, and logged now and then.
func (c *cache) render(e *hub.Event, t *markup.Template) *page {
	of := markup.Subject{Stream: e.Stream(), Time: e.Time()}
	if e.Kind() != hub.KindData {
		return &page{html: c.partOf(t, e.Kind(), of, e.Data())}
	}
	if t == markup.Bare() { // the template was taken away
		return &page{failed: true}
	}
	html, err := t.Render(of, e.Data())
	if err != nil {
		c.failed(of.Stream, e.ID().String(), err)
		return &page{failed: true}
	}
	return &page{html: html}
}

// partOf returns the HTML of a status or a reset. A part of the template that fails is
// replaced by the one that every template has at first.
func (c *cache) partOf(t *markup.Template, kind hub.Kind, of markup.Subject, data []byte) []byte {
	for _, t := range []*markup.Template{t, markup.Bare()} {
		part := t.Status
		if kind == hub.KindReset {
			part = t.Reset
		}
		html, err := part(of, data)
		if err == nil {
			return html
		}
		c.failed(of.Stream, "", err)
	}
	return nil
}

func (c *cache) failed(stream, event string, err error) {
	c.failures.Add(1)
	c.complain.Do(func() {
		c.logger.Warn("a template failed: clients of HTML keep the document before", "stream", stream, "event", event, "error", err)
	})
}

// hypertext returns the frame of an event as HTML. Where the template does not fit a
// document the frame is a status, which says so. The next document that it fits comes with
// a status that says that too.
func (c *cache) hypertext(v *view, k key, t *markup.Template) (*frame, int) {
	e := k.event
	page := c.page(e, t)
	recovered := k.before != nil && !page.failed && c.page(k.before, t).failed
	if k.before != nil && !recovered {
		k.before = nil                                            // the same as for a client without a document, and shared with such clients
		return c.get(k, inputs{view: v, template: t}).(*frame), 0 //nolint:forcetypeassert // see kind
	}
	var text []byte
	switch {
	case page.failed:
		text = appendEvent(nil, e.ID().String(), hub.StatusEvent, c.standing(t, e, hub.Stale, hub.ErrorTemplate))
	case e.Kind() == hub.KindStatus:
		text = appendEvent(nil, "", hub.StatusEvent, page.html)
	case e.Kind() == hub.KindReset:
		text = appendEvent(nil, "", hub.ResetEvent, page.html)
	default:
		if recovered {
			text = appendEvent(nil, "", hub.StatusEvent, c.standing(t, e, hub.Live, ""))
		}
		name := ""
		if v.named {
			name = e.Stream()
		}
		text = appendEvent(text, e.ID().String(), name, page.html)
	}
	f := c.newFrame(wire.NewFragment(text))
	return f, cap(f.Chunk)
}

// standing returns a status about what the clients of a template are shown.
func (c *cache) standing(t *markup.Template, e *hub.Event, state hub.State, class string) []byte {
	status := hub.Status{State: state, Since: e.Time(), Error: class}
	if class == "" {
		status.LastSuccess = e.Time()
	}
	return c.statusHTML(t, e.Stream(), status)
}

// Status returns a status for a client that is not admitted, as an event. As HTML it is that
// of a stream without a template: whether there is one is told to those who may know.
func (v *Views) Status(html bool, stream string, status hub.Status) []byte {
	if html {
		return appendEvent(nil, "", hub.StatusEvent, v.cache.statusHTML(markup.Bare(), stream, status))
	}
	document, err := status.Document(stream)
	if err != nil {
		return nil // it has no member that could not be encoded
	}
	return appendEvent(nil, "", hub.StatusEvent, document)
}

func (c *cache) statusHTML(t *markup.Template, stream string, status hub.Status) []byte {
	document, err := status.Document(stream)
	if err != nil {
		return nil // it has no member that could not be encoded
	}
	return c.partOf(t, hub.KindStatus, markup.Subject{Stream: stream, Time: status.Since}, document)
}

// appendEvent appends an event. It panics on a name that the hub cannot have given.
func appendEvent(dst []byte, id, name string, html []byte) []byte {
	dst, err := sse.AppendEvent(dst, sse.Event{ID: id, Name: name, Data: html})
	if err != nil {
		panic(err)
	}
	return dst
}
