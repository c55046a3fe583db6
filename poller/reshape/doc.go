// Package reshape gives a document another shape by a program in the language of
// jq (https://jqlang.org/manual), run by gojq. The program comes from the
// operator, the document from an upstream that may be anybody.
//
// # Documents
//
// A program makes one result of one document. No result, or a second one, is an
// error: `.items[]` needs brackets around it.
//
// What a program passes through stays as it was written where the values of jq
// allow it. Numbers do, with their digits and exponents (9007199254740993, 1e400,
// -0.0), until the program calculates with them. Strings keep their characters,
// U+2028 and emoji included, but come out with no more escapes than JSON needs.
// Keys of objects come out sorted, because gojq keeps objects in maps; of a
// repeated key the last counts. Half a surrogate pair, \ud800, becomes U+FFFD.
// The program may be empty or ".", which does these things and no others.
//
// # What a program cannot do
//
// It reads no environment, files, modules or further inputs. It can read the
// clock (now), which makes every document a new one. Names of
// functions that begin with '_' belong to gojq and cannot be used.
//
// # Limits
//
// gojq knows neither time nor memory, except that it asks its context between
// any two steps. So a run is bounded from two sides.
//
// Between steps a meter looks at the time and at the size of the heap. That is
// the heap of the process, for Go counts no other: garbage counts until it is
// collected, and what others allocate meanwhile counts too. A run that takes
// milliseconds is too short to be ended by the growth of others; a long one may
// be, and is tried again at the next poll.
//
// Within a step, which is one function of gojq written in Go, nobody can
// intervene. So New rewrites the program: what is handed to a function that looks
// at all of a value, or makes something much larger of it, is weighed before, and
// refused if it is too heavy, too deep (an endless recursion in Go ends the
// process), or would become so. The same is done with what comes out of
// operators. A value in which one array stands many times weighs as much as it
// would in JSON. The limits are those of Options and the constants in weigh.go.
//
// What remains: one step that is let pass may take some tenths of a second (a
// sort of all that may be sorted) and tens of MaxBytes of memory, so a run can
// exceed both limits by so much. The result, and only that, is bounded exactly. A
// program that is written to attack, instead of one that is fed with attacks, may
// find a function that is costlier than its weight says. Whoever runs programs of
// strangers needs a process of its own with limits from the kernel.
package reshape
