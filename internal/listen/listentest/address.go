package listentest

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// FreeAddress gives out these ports. No system gives them to who asks for any port, so an
// address stays free until the test listens there, and while what listens is restarted, however
// many other tests there are.
const (
	firstPort = 10_000
	ports     = 20_000
)

// given is the number of the last port. Test programs that run at the same time begin apart.
var given atomic.Int64

func init() { given.Store(int64(os.Getpid()) * 64) }

// FreeAddress returns an address of 127.0.0.1 at which nobody listens. Each call returns another
// one.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range ports {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+given.Add(1)%ports)
		if listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address); err == nil {
			_ = listener.Close() // nobody has connected
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
