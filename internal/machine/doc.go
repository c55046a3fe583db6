// Package machine knows what the process may use: how many descriptors, and how much
// memory, by the limits of the process, of its control group and of the Go runtime.
//
// [Descriptors], [MemoryLimits], [HistoryTotal] and [HeldTotal] change nothing.
// [LimitMemory] and [TuneGC] change settings of the runtime, which belong to the whole
// process, and put them back.
package machine
