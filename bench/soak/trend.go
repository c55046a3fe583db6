package soak

import "time"

// Sample is what the server used at one moment.
type Sample struct {
	At         time.Duration // since the beginning of the run
	Age        time.Duration // of the process
	Clients    int           // that are connected
	Memory     float64       // proportional set size, in bytes
	Goroutines float64
	// Descriptors is without those of the clients.
	Descriptors float64
	// Series is how many the server has for Prometheus.
	Series float64
}

// Figure is one of the figures that have to be flat.
type Figure struct {
	Name string
	of   func(Sample) float64
	unit float64 // what the report divides it by

	// slack is by how much the figure may grow beside a twentieth of it: it is never quite
	// still.
	slack float64
}

// Figures returns what has to be flat.
func Figures() []Figure {
	return []Figure{
		{"memory, MB", func(s Sample) float64 { return s.Memory }, 1e6, 4e6},
		{"goroutines", func(s Sample) float64 { return s.Goroutines }, 1, 20},
		{"descriptors beside clients", func(s Sample) float64 { return s.Descriptors }, 1, 50},
		{"series", func(s Sample) float64 { return s.Series }, 1, 0},
	}
}

// Trend is how a figure went over a time.
type Trend struct {
	Samples     int
	First, Last float64 // of the straight line through the samples
	Flat        bool
}

// trend fits a straight line through the samples by least squares. The figure is flat if
// that line does not grow by more than a twentieth and the slack. Fewer than two samples
// have no trend.
func (f Figure) trend(samples []Sample) Trend {
	t := Trend{Samples: len(samples), Flat: true}
	if len(samples) < 2 {
		return t
	}
	n := float64(len(samples))
	var meanX, meanY float64
	for _, s := range samples {
		meanX += s.At.Seconds() / n
		meanY += f.of(s) / n
	}
	var xy, xx float64
	for _, s := range samples {
		x := s.At.Seconds() - meanX
		xy += x * (f.of(s) - meanY)
		xx += x * x
	}
	slope := 0.0
	if xx > 0 {
		slope = xy / xx
	}
	t.First = meanY + slope*(samples[0].At.Seconds()-meanX)
	t.Last = meanY + slope*(samples[len(samples)-1].At.Seconds()-meanX)
	t.Flat = t.Last-t.First <= t.First/20+f.slack
	return t
}

// lives divides samples by the processes that they are of, and leaves out those of
// processes that are younger than warm.
func lives(samples []Sample, warm time.Duration) (lives [][]Sample) {
	var last time.Duration
	for i, s := range samples {
		if i == 0 || s.Age < last {
			lives = append(lives, nil)
		}
		last = s.Age
		if s.Age >= warm {
			lives[len(lives)-1] = append(lives[len(lives)-1], s)
		}
	}
	return lives
}
