// Package reshape transforms a document by a program in the language of jq
// (https://jqlang.org/manual), run by gojq. The program comes from the operator; the
// document comes from an upstream that is not trusted.
//
// # Documents
//
// A program turns one document into one result. No result, or a second one, is an
// error: `.items[]` needs brackets around it. The program of a Splitter makes parts of
// one document: each of its results is an object {key, value}.
//
// The parts that a program does not change stay as they were written where the values
// of jq allow it. Numbers keep their digits and exponents (9007199254740993, 1e400,
// -0.0) until the program calculates with them. Strings keep their characters, U+2028
// and emoji included, and have only the escapes that JSON needs. Keys of objects are
// sorted, because gojq keeps objects in maps; the last of repeated keys counts. Half a
// surrogate pair, \ud800, becomes U+FFFD. An empty program, or ".", does these things
// and nothing else.
//
// # What a program cannot do
//
// It cannot read the environment, files, modules or further inputs. It can read the
// clock (now), which makes each document a new one. It cannot use names of functions
// that begin with '_', which belong to gojq.
//
// # What is told of a failure
//
// An error says in the words of jq what failed, with the kinds of the values, and in which
// part of the program: "cannot iterate over null at .items[]". It quotes no value of the
// document and no string of the program but keys in paths. gojq does not tell the part, so a
// program that has failed is run once more, within what is left of its time. Where the part
// is not known, for example because the program catches errors itself, it is left out.
//
// # Limits
//
// gojq has no limits of time or memory, but it checks its context between any two
// steps. So a run is bounded in two ways.
//
// Between steps a meter checks the time and the size of the heap. That is the heap of
// the process, because Go measures no other: garbage counts until it is collected, and
// so do the allocations of other goroutines. A run of milliseconds is too short to be
// ended by those. A long run may be ended, and is tried again at the next poll.
//
// A step is one function of gojq written in Go, and cannot be interrupted. So New
// rewrites the program. Before a function that reads a whole value, or that makes a
// much larger one, its input is weighed. It is refused if it is too heavy or too deep
// (an endless recursion in Go ends the process), or if the result would be. The
// results of operators are weighed as well. A value that contains one array many times
// weighs as much as it would in JSON. The limits are those of Options and the
// constants in weigh.go.
//
// One permitted step may still take some tenths of a second (a sort of the largest
// permitted array) and tens of MaxBytes of memory, so a run can exceed both limits by
// that much. Only the size of the result is bounded exactly. A program that is itself
// an attack may find a function that costs more than its weight says. To run programs
// of strangers, use a separate process with limits from the kernel.
package reshape
