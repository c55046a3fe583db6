package fanout

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// breath lets a writer that has much to do stand aside for a moment. To yield is
// not enough: the runtime looks for what has come over the network only when
// nothing else can run, or every 10 ms, and a writer can always run. So every
// other breath the writer waits for an event of its own, which has happened
// already, by the same way as others wait for the network.
type breath struct {
	file  *os.File // an eventfd
	raw   syscall.RawConn
	taken int
}

func newBreath() (*breath, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	file := os.NewFile(uintptr(fd), "eventfd")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close() // the error that matters is the one above
		return nil, err
	}
	return &breath{file: file, raw: raw}, nil
}

// take lets others run.
func (b *breath) take() {
	if b.taken++; b.taken%2 == 1 {
		runtime.Gosched()
		return
	}
	one := [8]byte{1} // in either order of bytes it is not 0
	told := false
	err := b.raw.Read(func(fd uintptr) bool {
		if told {
			_, err := unix.Read(int(fd), one[:])
			return err == nil
		}
		told = true
		_, err := unix.Write(int(fd), one[:])
		return err != nil // which ends the waiting at once
	})
	if err != nil {
		runtime.Gosched()
	}
}

func (b *breath) close() { _ = b.file.Close() } // nothing was written to it that matters
