package main

import "testing"

func TestWave(t *testing.T) {
	var w wave
	for i, step := range []struct {
		moved       int64
		lasts, over bool
	}{
		{0, false, false},
		{49, false, false},
		{-1, false, false}, // a client that was let in and never served
		{50, true, false},
		{6, true, false},
		{5, false, true},
		{0, false, false},
		{-50, true, false},
		{-5, false, true},
	} {
		if over := w.tick(w.before + step.moved); over != step.over || w.lasts != step.lasts {
			t.Errorf("step %d: lasts %v, over %v, want %v, %v", i, w.lasts, over, step.lasts, step.over)
		}
	}
}
