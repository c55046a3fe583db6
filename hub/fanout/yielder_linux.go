package fanout

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// yielder lets other goroutines run while a writer has much to do. runtime.Gosched is
// not enough: the runtime polls the network only when nothing else can run, or every
// 10 ms, and a writer can always run. So every second time the writer waits in the
// network poller, for an event of its own that has happened already.
type yielder struct {
	file  *os.File // an eventfd
	raw   syscall.RawConn
	count int
}

func newYielder() (*yielder, error) {
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
	return &yielder{file: file, raw: raw}, nil
}

// yield lets other goroutines run.
func (y *yielder) yield() {
	if y.count++; y.count%2 == 1 {
		runtime.Gosched()
		return
	}
	one := [8]byte{1} // not 0 in either byte order
	written := false
	err := y.raw.Read(func(fd uintptr) bool {
		if written {
			_, err := unix.Read(int(fd), one[:])
			return err == nil
		}
		written = true
		_, err := unix.Write(int(fd), one[:])
		return err != nil // true ends the wait at once
	})
	if err != nil {
		runtime.Gosched()
	}
}

func (y *yielder) close() { _ = y.file.Close() } // an eventfd keeps nothing
