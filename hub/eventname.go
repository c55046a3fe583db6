package hub

// Names of the events that a client can receive. On a connection with one stream, a
// whole document has no name in text/event-stream, which means MessageEvent.
const (
	MessageEvent   = "message"  // a whole document, as a line of JSON
	SnapshotEvent  = "snapshot" // a whole document to which deltas apply
	PatchEvent     = "patch"    // a JSON Patch for the previous document
	MergeEvent     = "merge"    // a JSON Merge Patch for the previous document
	StatusEvent    = "status"   // the freshness of a stream
	ResetEvent     = "reset"    // a gap that cannot be closed
	HeartbeatEvent = "hb"       // the time of the server
	PositionEvent  = "position" // the position of the client, as a line of JSON
)
