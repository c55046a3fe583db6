package poller

import "context"

// The steps of a poll, for Trace. The first one has the others within it.
const (
	StepPoll    = "poll"    // of a stream, or of some of its keys
	StepFetch   = "fetch"   // the source asks the upstream
	StepPublish = "publish" // of what is new
)

// Trace begins a step of a poll. It returns the context in which the step takes place, and
// a function that ends the step with the class of its failure, "" without one. It must
// not wait, and must be safe for concurrent use.
type Trace func(ctx context.Context, step, stream string) (within context.Context, end func(class string))

// untraced is the Trace of a poller without one.
func untraced(ctx context.Context, _, _ string) (within context.Context, end func(class string)) {
	return ctx, func(string) {}
}

// canceled is the class of a poll whose result nobody wants any more.
const canceled = "canceled"

// failure returns the class of an error, "" for none.
func failure(err error, classOf func(error) string) string {
	if err == nil {
		return ""
	}
	return classOf(err)
}
