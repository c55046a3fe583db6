// Package hubtest helps to test what belongs to a hub: [TestLog] is the law that
// every implementation of hub.Log obeys, [Script] is a log that does what a test
// tells it.
package hubtest
