package logqueue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stubborn is a standard error that takes nothing while it is shut, and gives errors
// and takes part of what it gets as it was told.
type stubborn struct {
	mu     sync.Mutex
	open   chan struct{} // closed while it takes
	errs   []error       // of the next writes
	takes  int           // bytes that a write with an error takes
	text   bytes.Buffer
	writes int
}

func newStubborn(errs ...error) *stubborn {
	s := &stubborn{open: make(chan struct{}), errs: errs}
	close(s.open)
	return s
}

func (s *stubborn) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = make(chan struct{})
}

func (s *stubborn) Write(text []byte) (int, error) {
	s.mu.Lock()
	open := s.open
	s.mu.Unlock()
	<-open
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		n := min(s.takes, len(text))
		s.text.Write(text[:n])
		return n, err
	}
	return s.text.Write(text)
}

func bareHandler(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

func missingLine(n int) string {
	return fmt.Sprintf("level=ERROR msg=\"log records dropped, standard error does not take them\" dropped=%d\n", n)
}

// Whoever logs never waits for a standard error that takes nothing. What the queue
// has no room for is counted, and told where it is missing.
func TestQueueNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStubborn()
		out.shut()
		q := New(out, bareHandler)
		log := slog.New(bareHandler(q))
		log.Info("first")
		synctest.Wait() // it is being written, so the queue has all its room
		var want strings.Builder
		want.WriteString("level=INFO msg=first\n")
		for i := range 4096 + 7 {
			log.Info("more", "n", i)
			if i < 4096 {
				fmt.Fprintf(&want, "level=INFO msg=more n=%d\n", i)
			}
		}
		if dropped := q.Dropped(); dropped != 7 {
			t.Errorf("%d dropped, want 7", dropped)
		}
		close(out.open)
		synctest.Wait()
		want.WriteString(missingLine(7))
		log.Info("last")
		want.WriteString("level=INFO msg=last\n")
		q.Close()
		if got := out.text.String(); got != want.String() {
			t.Errorf("written: %.200q ... %.200q, want ... %.200q", got, got[max(0, len(got)-200):], want.String()[want.Len()-200:])
		}
	})
}

// The notice stands where the records are missing, also if others follow before
// anything can be written.
func TestQueueTellsWhereRecordsAreMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 1 << 20 // bytes in the queue
		out := newStubborn()
		out.shut()
		q := New(out, bareHandler)
		write := func(size int) {
			if n, err := q.Write(append(bytes.Repeat([]byte{'x'}, size-1), '\n')); n != size || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
		write(10)
		synctest.Wait()
		write(most - 5)
		write(6) // for which there is no room
		write(5)
		write(1)
		close(out.open)
		synctest.Wait()
		write(most + 1)
		write(most)
		q.Close()
		want := strings.Repeat("x", 9) + "\n" + strings.Repeat("x", most-6) + "\n" + missingLine(1) + "xxxx\n" +
			missingLine(1) + missingLine(1) + strings.Repeat("x", most-1) + "\n"
		if got := out.text.String(); got != want {
			t.Errorf("%d bytes written: %s, want %d: %s", len(got), strings.ReplaceAll(got, "x", ""), len(want), strings.ReplaceAll(want, "x", ""))
		}
		if dropped := q.Dropped(); dropped != 3 {
			t.Errorf("%d dropped, want 3", dropped)
		}
	})
}

// A standard error that fails costs what could not be written. The next record is
// tried again, begins a line, and comes with the number of those that are missing.
func TestQueueSurvivesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStubborn(syscall.EPIPE, syscall.ENOSPC, errors.New("another"))
		out.takes = 3
		q := New(out, bareHandler)
		log := slog.New(bareHandler(q))
		for _, text := range []string{"a", "b", "c"} {
			log.Info(text)
			synctest.Wait()
		}
		if dropped := q.Dropped(); dropped != 3 {
			t.Errorf("%d dropped, want 3", dropped)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if out.writes != 3 {
			t.Errorf("%d writes without a new record", out.writes)
		}
		log.Info("d")
		q.Close()
		want := "lev\nle\nle\n" + missingLine(3) + "level=INFO msg=d\n"
		if got := out.text.String(); got != want {
			t.Errorf("written: %q, want %q", got, want)
		}
	})
}

// Another process can make a standard error that it shares one that does not wait.
// Then what it does not take at the moment is tried again.
func TestQueueIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStubborn(syscall.EAGAIN, syscall.EAGAIN, syscall.EAGAIN)
		out.takes = 2
		begin := time.Now()
		q := New(out, bareHandler)
		slog.New(bareHandler(q)).Info("a")
		q.Close()
		if took := time.Since(begin); took != 60*time.Millisecond {
			t.Errorf("three attempts in vain took %v, want 60ms", took)
		}
		if got, want := out.text.String(), "level=INFO msg=a\n"; got != want || q.Dropped() != 0 {
			t.Errorf("written: %q, want %q; %d dropped", got, want, q.Dropped())
		}
	})
}

// The end waits for what is in the queue, but not for ever.
func TestQueueEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStubborn()
		out.shut()
		q := New(out, bareHandler)
		log := slog.New(bareHandler(q))
		log.Info("a")
		log.Info("b")
		begin := time.Now()
		q.Close()
		if took := time.Since(begin); took != CloseTimeout {
			t.Errorf("the end took %v, want %v", took, CloseTimeout)
		}
		log.Info("too late")
		close(out.open)
		<-q.ended
		if got, want := out.text.String(), "level=INFO msg=a\nlevel=INFO msg=b\n"+missingLine(1); got != want {
			t.Errorf("written: %q, want %q", got, want)
		}
	})
}
