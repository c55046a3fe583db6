// Package refdoc makes the reference document: a list of 60 quotes, 5.2 kB of
// JSON, of which each event changes three prices. It is what Pollux is made for,
// and what compression is measured with.
//
// The same seed gives the same documents for ever: they are made by a generator
// of the standard library whose output is fixed by its name.
package refdoc

import (
	"math/rand/v2"
	"strconv"
)

// What the document consists of.
const (
	Quotes  = 60 // in the document
	Changes = 3  // between one document and the next
	Seed    = 20240517
)

// cheapest keeps prices, in hundredths, from falling through zero.
const cheapest = 100

// quote is one line of the list. Prices are in hundredths, so that no
// floating-point formatting can differ between machines.
type quote struct {
	symbol string
	name   string
	price  int
	open   int
	volume int
}

// Source makes one document after the other.
type Source struct {
	random *rand.Rand
	quotes [Quotes]quote
	order  [Quotes]int
}

// New returns a source whose documents follow from seed alone.
func New(seed uint64) *Source {
	s := &Source{random: rand.New(rand.NewPCG(seed, seed))}
	for i := range s.quotes {
		price := 1000 + s.random.IntN(40000)
		s.quotes[i] = quote{
			symbol: s.word(4),
			name:   s.word(7) + " " + s.word(6),
			price:  price,
			open:   price + s.random.IntN(400) - 200,
			volume: 100000 + s.random.IntN(9000000),
		}
		s.order[i] = i
	}
	return s
}

// word returns n capital letters.
func (s *Source) word(n int) string {
	letters := make([]byte, n)
	for i := range letters {
		letters[i] = byte('A' + s.random.IntN(26))
	}
	return string(letters)
}

// Next returns the next document, as compact JSON. The first is the list as it
// was made; each later one has three other prices.
func (s *Source) Next() []byte {
	document := s.append(nil)
	for i := range Changes {
		// A partial shuffle: three different quotes.
		j := i + s.random.IntN(Quotes-i)
		s.order[i], s.order[j] = s.order[j], s.order[i]
		q := &s.quotes[s.order[i]]
		step := s.step()
		if q.price+step < cheapest {
			step = -step
		}
		q.price += step
	}
	return document
}

// step is a change of price, never none.
func (s *Source) step() int {
	step := 1 + s.random.IntN(50)
	if s.random.IntN(2) == 0 {
		return -step
	}
	return step
}

func (s *Source) append(b []byte) []byte {
	b = append(b, `{"quotes":[`...)
	for i := range s.quotes {
		if i > 0 {
			b = append(b, ',')
		}
		q := &s.quotes[i]
		b = append(b, `{"symbol":"`...)
		b = append(b, q.symbol...)
		b = append(b, `","name":"`...)
		b = append(b, q.name...)
		b = append(b, `","price":`...)
		b = appendPrice(b, q.price)
		b = append(b, `,"open":`...)
		b = appendPrice(b, q.open)
		b = append(b, `,"volume":`...)
		b = strconv.AppendInt(b, int64(q.volume), 10)
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

func appendPrice(b []byte, hundredths int) []byte {
	b = strconv.AppendInt(b, int64(hundredths/100), 10)
	b = append(b, '.')
	if hundredths%100 < 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(hundredths%100), 10)
}
