package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/polluxhub/pollux/hub"
)

// collectStore makes metrics of a log that outlives the process. How much it has is left out
// while it stores nothing.
func collectStore(store hub.LogStats, out chan<- prometheus.Metric) {
	gauge, counter := gaugeOf(out), counterOf(out)
	if store.Stored {
		gauge(storeWorking, 1)
		gauge(storeLag, float64(store.Lag))
		gauge(storeMessages, float64(store.Messages))
		gauge(storeBytes, float64(store.Bytes))
	} else {
		gauge(storeWorking, 0)
	}
	out <- prometheus.MustNewConstSummary(storeAppends, store.Appended, store.AppendTime.Seconds(), nil)
	for reason, n := range store.Refused {
		counter(storeRefused, n, string(reason))
	}
	counter(storeSkipped, store.Foreign, "foreign")
	counter(storeSkipped, store.Broken, "broken")
	counter(storeFailures, store.Failures)
	counter(storeRemember, store.Remembered)
	counter(storeConflicts, store.Conflicts)
	counter(storeOutdated, store.Superseded)
	counter(storeMissing, store.Missing)
	counter(storeRebuilds, store.Rebuilt)
	counter(storeEpochs, store.Epochs)
	counter(storeTrims, store.Trims)
}
