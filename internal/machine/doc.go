// Package machine finds out how many descriptors and how much memory the process may use, from the
// limits of the process, of its control group and of the Go runtime.
//
// [Descriptors], [MemoryLimits], [HistoryTotal] and [HeldTotal] change nothing.
// [LimitMemory] and [TuneGC] change settings of the runtime, which belong to the whole
// process, and put them back.
package machine
