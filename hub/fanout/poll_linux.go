package fanout

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// poll reports sockets that can be written to again, and sockets whose other end has
// left. It is an epoll instance whose descriptor the runtime's own poller watches, so
// that waiting blocks no thread.
type poll struct {
	file  *os.File
	raw   syscall.RawConn
	fd    int
	found chan []unix.EpollEvent
	taken chan struct{}
}

// interest is edge-triggered: each change is reported once. EPOLLIN is not in it, because
// nothing is read that a client sends without TLS.
const interest = unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR | unix.EPOLLET

func newPoll() (*poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		closeDescriptor(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close() // the error that matters is the one above
		return nil, err
	}
	return &poll{
		file:  file,
		raw:   raw,
		fd:    fd,
		found: make(chan []unix.EpollEvent),
		taken: make(chan struct{}),
	}, nil
}

// add watches a descriptor, which must not be watched yet, until it is closed. reads says that
// what the other end sends is read.
func (p *poll) add(fd int, slot, generation uint32, reads bool) error {
	event := unix.EpollEvent{Events: interest, Fd: int32(slot), Pad: int32(generation)}
	if reads {
		event.Events |= unix.EPOLLIN
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event))
}

// run sends the events that it finds to found, and waits for taken each time, until
// close.
func (p *poll) run(quit <-chan struct{}) {
	events := make([]unix.EpollEvent, 256)
	for {
		n := 0
		err := p.raw.Read(func(fd uintptr) bool {
			var err error
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
		if err != nil {
			return // closed
		}
		if n <= 0 {
			continue
		}
		select {
		case p.found <- events[:n]:
			<-p.taken
		case <-quit:
			return
		}
	}
}

// close ends run.
func (p *poll) close() {
	_ = p.file.Close() // an epoll instance keeps nothing
}
