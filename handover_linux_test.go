package pollux

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"testing"
)

// After a restart, clients are at the door before anything has started. Each of their connections
// is handed over nevertheless: else they would take thirty times as much memory for an hour.
func TestClientsAtTheDoorAreHandedOver(t *testing.T) {
	const clients = 20
	for range 10 {
		p := newPollux(t, Options{Listen: []string{"127.0.0.1:0"}})
		if err := p.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		var waiting []net.Conn
		for range clients {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := fmt.Fprint(conn, "GET /api/sse HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, conn)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		for _, conn := range waiting {
			if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if n := p.engine.Stats().HandedOver; n != clients {
			t.Errorf("%d of %d connections were handed over", n, clients)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
