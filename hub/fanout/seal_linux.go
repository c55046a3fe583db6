package fanout

import (
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// sealBytes is how much of the answer becomes records of TLS at once: what the kernel takes
// ahead for a client, and the most that one record holds. A client whose socket is full has
// no more than that in memory of its own. The rest of what is pending is shared with others.
const sealBytes = 16 << 10

// sealing is scratch for records.
type sealing struct{ plain, sealed []byte }

var sealings = sync.Pool{New: func() any { return new(sealing) }}

// send is send for a client with TLS. After the end of the stream it says that nothing more
// comes, by close_notify.
func (k *carrier) send(c *Client, bufs [][]byte) (rest [][]byte, cut int, errno syscall.Errno) {
	s := sealings.Get().(*sealing)
	defer sealings.Put(s)
	own := true // out is memory of the client
	for {
		if len(k.out) > 0 {
			n, errno := send(int(k.fd), k.out)
			if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
				k.out = nil
				return nil, 0, errno
			}
			k.sent += uint64(n)
			if k.out = k.out[n:]; len(k.out) > 0 {
				if !own {
					k.out = slices.Clone(k.out)
				}
				if bufs == nil {
					bufs = [][]byte{}
				}
				return bufs, cut, 0
			}
			k.out = nil
		}
		var plain []byte
		plain, bufs, cut = s.portion(bufs, cut)
		k.out, own = s.sealed[:0], false
		switch {
		case len(plain) > 0:
			if _, err := k.tls.Write(plain); err != nil {
				k.out = nil
				return nil, 0, unix.EPIPE
			}
			c.bytes += uint64(len(plain))
			c.engine.stats.bytes.Add(uint64(len(plain)))
		case c.ending() != "" && !k.closed:
			k.closed = true
			_ = k.tls.CloseWrite() // the stream ends in any case
		}
		s.sealed = k.out[:0]
		if len(k.out) == 0 {
			k.out = nil
			return nil, 0, 0
		}
	}
}

// portion takes the beginning of bufs for the next records. Only small buffers are copied.
// cut is how many bytes of the first buffer were taken before.
func (s *sealing) portion(bufs [][]byte, cut int) (plain []byte, rest [][]byte, _ int) {
	if len(bufs) > 0 && len(bufs[0]) >= sealBytes {
		plain, bufs[0] = bufs[0][:sealBytes], bufs[0][sealBytes:]
		return plain, bufs, cut + sealBytes
	}
	plain = s.plain[:0]
	for len(bufs) > 0 && len(plain) < sealBytes {
		n := min(len(bufs[0]), sealBytes-len(plain))
		plain, bufs[0], cut = append(plain, bufs[0][:n]...), bufs[0][n:], cut+n
		if len(bufs[0]) == 0 {
			bufs, cut = bufs[1:], 0
		}
	}
	s.plain = plain[:0]
	return plain, bufs, cut
}
