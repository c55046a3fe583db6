// Package markup renders documents as HTML, by a template of package html/template.
//
// # Trust
//
// The template is trusted: the operator who configures the stream writes it. The document is not.
// html/template escapes each value for the place where it stands: text, an attribute, a
// URL, JavaScript, CSS. A template sees the document as plain maps, slices, strings,
// numbers and booleans, which have no methods to call that do anything but show
// themselves, and no function makes a value count as safe.
//
// # What a template sees
//
// The dot is the document. A number is a number of Go if Go writes it as the document
// does, and otherwise a [Number], so that each number is shown as it was written: 1.50
// stays 1.50. eq, ne, lt, le, gt and ge compare numbers by value, if and with take a zero
// for false however it is written, and printf formats a number for %d as well as for %f.
// The functions stream, key and time return the name of the stream, its key, and when the
// event was stored.
//
// A template has two more parts, "status", whose dot is the status, and "reset", whose
// dot is the reset. Clients get these parts in place of the JSON of such events. Each has
// a default, which {{define "status"}} replaces.
//
// # Bounds
//
// A document cannot make rendering endless: the steps of a template (each iteration of a
// range, each call of another template), the depth of such calls, the time and the size
// of the result are limited, and so is the size of what print and printf return. The
// format of printf has to be written in the template, because a format from a document
// could ask for any width. Memory is proportional to the document.
//
// Everything here is safe for concurrent use. Nothing starts a goroutine.
package markup
