// Package hubtest helps to test a hub and its logs: [TestLog] checks an implementation
// of hub.Log, [Script] is a log that loses events on demand, and [PipeListener]
// connects clients to a server in one test.
package hubtest
