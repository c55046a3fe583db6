// Package delta computes the changes from one JSON document to the next: as
// operations of JSON Patch (RFC 6902), or as a document of JSON Merge Patch (RFC
// 7396). See [Patch] and [Merge].
//
// # What a client gets
//
// A client that applies a delta to the old document gets the new document, equal in
// the sense of [document.Equal]. Numbers and strings in a delta are the bytes of the
// new document, and so are whole objects and arrays, with the order of their keys. A
// delta cannot express a new order of keys in an object that it changes (new members
// come in the order of the new document, so clients that append them keep it), or a
// string or key that is only escaped differently.
//
// # When there is no delta
//
// Both functions return ok = false, and the caller sends the whole document, if
//
//   - the delta would not be smaller than the new document, in bytes;
//   - one of the two is not a compact document (document.Parse says why);
//   - an object in one of them repeats a key, since clients disagree on its meaning;
//   - the comparison would take too much work, see below;
//   - a merge patch cannot express the change, see Merge.
//
// So a delta never replaces the whole document, because it would be larger than the
// document.
//
// # Cost
//
// Time and memory are linear in the size of the two documents, whatever is in
// them. Work is counted in steps of a few nanoseconds. The comparison ends after 16
// steps for each byte of both documents, plus 100,000. For two documents of 1 MiB,
// the worst known case takes 0.1 s, and three changed prices take 0.02 s. Three
// changed prices in 5 kB take 0.1 ms. Meanwhile the memory is 20 bytes for each
// value of both documents, up to 300 bytes for each member or element of the
// containers that differ, and the result.
//
// Everything here is a pure function, safe for concurrent use.
package delta
