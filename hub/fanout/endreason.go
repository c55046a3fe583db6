package fanout

// EndReason says why a stream ended. It is a label of metrics and logs.
type EndReason string

// The reasons for which streams end.
const (
	ReasonGone  EndReason = "gone"  // the client left
	ReasonSlow  EndReason = "slow"  // the client stalled
	ReasonLimit EndReason = "limit" // the client has all documents that it asked for
	ReasonAge   EndReason = "age"   // the stream reached its maximum age
	ReasonDrain EndReason = "drain" // the engine drains
	ReasonHub   EndReason = "hub"   // the hub ended, or could not resume the subscription
	ReasonError EndReason = "error" // the connection cannot carry a stream

	ReasonRemoved EndReason = "removed" // every stream of the client was removed
	ReasonExpired EndReason = "expired" // the time has come that Request.Until says
)

// endReasons are all of them, in an order in which a byte can stand for each.
var endReasons = [...]EndReason{
	"", ReasonGone, ReasonSlow, ReasonLimit, ReasonAge, ReasonDrain, ReasonHub, ReasonError, ReasonRemoved, ReasonExpired,
}
