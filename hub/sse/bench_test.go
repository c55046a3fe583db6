package sse

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func benchEvents() map[string]Event {
	return map[string]Event{
		"mock":   {ID: "0f3a9c1e-184467", Data: []byte(`{"timestamp":"2026-01-02T03:04:05.678Z","value":42,"message":"Random update: 42"}`)},
		"quotes": {ID: "0f3a9c1e-184467", Name: "quotes", Data: []byte(strings.Repeat(`{"s":"ABCD","p":101.25,"v":7},`, 175))},
		"lines":  {ID: "0f3a9c1e-184467", Data: []byte(strings.Repeat("a line of a log\n", 64))},
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	for name, e := range benchEvents() {
		b.Run(name, func(b *testing.B) {
			dst, err := AppendEvent(nil, e)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = AppendEvent(dst[:0], e)
			}
		})
	}
}

func BenchmarkDecoder(b *testing.B) {
	for name, e := range benchEvents() {
		b.Run(name, func(b *testing.B) {
			frame, err := AppendEvent(nil, e)
			if err != nil {
				b.Fatal(err)
			}
			d := NewDecoder(&repeat{frame: frame})
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// repeat is a stream that repeats one frame.
type repeat struct {
	frame []byte
	rest  bytes.Reader
}

func (r *repeat) Read(p []byte) (int, error) {
	n, err := r.rest.Read(p)
	if err == io.EOF {
		r.rest.Reset(r.frame)
		return r.rest.Read(p)
	}
	return n, err
}
