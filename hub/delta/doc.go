// Package delta says what has changed from one JSON document to the next: as
// operations of JSON Patch (RFC 6902), or as a document of JSON Merge Patch (RFC
// 7396). See [Patch] and [Merge].
//
// # What a client gets
//
// Who applies a delta to the document before gets the document after, equal in
// the sense of [document.Equal]. Numbers and strings within a delta are the bytes
// of the document after, and so are whole objects and arrays, with the order of
// their keys. What a delta cannot tell: the order of keys in an object that stays
// and changes (members that are new come in the order of the document after, so
// that appliers which append them keep it), and a string or key that is only
// escaped in another way.
//
// # When there is none
//
// Both functions report ok = false, and the caller sends the whole document,
// when
//
//   - the delta would not be smaller than the document after, in bytes;
//   - one of the two is no compact document (document.Parse says why);
//   - an object in one of them has a key twice, since appliers disagree on it;
//   - the comparison has taken its share of work, see below;
//   - a merge patch cannot say it, see Merge.
//
// So a delta never replaces the whole document: its path would be "" and its size
// that of the document and more.
//
// # Cost
//
// Time and memory are linear in the size of the two documents, whatever is in
// them. Work is counted in steps of a few nanoseconds; more than 16 steps for
// each byte of both documents, and 100,000, end the comparison. For two documents
// of 1 MiB the worst that was found takes 0.1 s, where three changed prices take
// 0.02 s; three in 5 kB take 0.1 ms. While it lasts, memory is 20 bytes for each
// value of both documents, up to 300 bytes for each member or element of the
// containers that differ, and the result.
//
// Everything here is a pure function, safe for concurrent use.
package delta
