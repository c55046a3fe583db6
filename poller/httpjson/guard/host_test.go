package guard_test

import (
	"bytes"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller/httpjson/guard"
)

// TestHostsInDisguise has addresses in the forms that a browser, a proxy or a C library reads,
// and names that look like them.
func TestHostsInDisguise(t *testing.T) {
	for host, want := range map[string]bool{ // true: refused
		// Loopback, which DenyPrivate refuses.
		"127.0.0.1": true, "2130706433": true, "0x7f.1": true, "0x7F000001": true, "017700000001": true, "127.1": true,
		"127.0.1": true, "0177.0.0.1": true, "0x7f.0x0.0x0.0x1": true, "127.0.0.1.": true, "0x7f.0.0.1.": true,
		"00000177.1": true, "127.0x1": true, "0x7f.0x": true, "localhost": true, "LOCALHOST.": true, "a.localhost": true,
		"１２７.0.0.1": true, "127。0。0。1": true, "127．0．0．1": true, "127｡1": true, "①②⑦.⓪.⓪.①": true, "0ｘ7f.1": true,
		"127.0.0\u00ad.1": true, "127\u200b.0.0.1": true, "ｌｏｃａｌｈｏｓｔ": true, "𝟭𝟮𝟳.0.0.1": true,
		"::1": true, "[::1]": true, "::ffff:127.0.0.1": true,
		// Metadata and others that are always refused.
		"2852039166": true, "0xa9fea9fe": true, "0xA9.0376.43518": true, "169.254.43518": true, "025177524776": true, "0": true, "0x": true, "0.0": true,
		// Neither an address nor a name.
		"256.1": true, "1.2.3.4.5": true, "127.0.0.08": true, "09": true, "4294967296": true, "0x100000000": true,
		"99999999999999999999999999": true, "127.0.0.99999999999999999999999999": true, "a.1": true, "127..1": true, "1.2.3.256": true, "1.2.65536": true,
		// Public addresses, in disguise or not, and names.
		"1.1.1.1": false, "16843009": false, "0x01010101": false, "１.1.1.1": false, "1.0x10101": false,
		"127.0.0.1.example": false, "0x7g": false, "0xg.com": false, "x.0x7g": false, "2130706433.example": false, "1e3": false, "localhost.example": false,
		"notlocalhost": false, "bücher.example": false, "xn--bcher-kva.example": false, "_dmarc.example": false, "127..": false, "": false,
	} {
		err := guard.New(guard.Options{DenyPrivate: true}).CheckHost(t.Context(), host)
		if refused(err) != want {
			t.Errorf("%q: %v, want refused %v", host, err, want)
		}
	}
	err := guard.New(guard.Options{}).CheckHost(t.Context(), "1.2.3.4.5")
	if err == nil || err.Error() != "guard: the host is refused: it ends in a number, and is no address" {
		t.Errorf("no address: %v", err)
	}
	err = guard.New(guard.Options{}).CheckHost(t.Context(), "0xa9fea9fe")
	if err == nil || !strings.HasPrefix(err.Error(), "guard: the address 169.254.169.254 is refused: link-local") {
		t.Errorf("metadata: %v", err)
	}
}

// FuzzHostsInDisguise looks for a host that passes, although what net/http sends to a proxy
// for it is an address of this machine to the C library (inet_aton).
func FuzzHostsInDisguise(f *testing.F) {
	for _, seed := range []string{"2130706433", "0x7f.1", "017700000001", "１２７.0.0.1", "127。1", "[::1]", "0", "1.2.3.4.5", "a.example", "127.0.0.1.", "0x7f.0x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		to, err := url.Parse("http://" + host + "/")
		if err != nil || to.Hostname() == "" {
			return
		}
		err = guard.New(guard.Options{DenyPrivate: true}).CheckHost(t.Context(), to.Hostname())
		if err != nil && !refused(err) {
			t.Fatalf("%q: %T", host, err)
		}
		if err != nil {
			return
		}
		if addr := atonOf(sentToProxy(t, to)); addr.IsValid() && (addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsPrivate() || addr.IsUnspecified()) {
			t.Errorf("%q passes, and is %v", host, addr)
		}
	})
}

// sentToProxy returns the host in the request that a proxy gets.
func sentToProxy(t *testing.T, to *url.URL) string {
	t.Helper()
	var sent bytes.Buffer
	request := &http.Request{Method: http.MethodGet, URL: to, Header: http.Header{}, Host: to.Host}
	if err := request.WriteProxy(&sent); err != nil {
		return "" // such a request is not sent
	}
	_, rest, _ := strings.Cut(sent.String(), "Host: ")
	line, _, _ := strings.Cut(rest, "\r\n")
	at, err := url.Parse("http://" + line)
	if err != nil {
		return ""
	}
	return at.Hostname()
}

// atonOf is inet_aton of the GNU C library, written in another way than the guard. The
// result is not valid if the host is no address there.
func atonOf(host string) netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr
	}
	fields := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(fields) > 4 {
		return netip.Addr{}
	}
	value := new(big.Int)
	for i, field := range fields {
		n, ok := new(big.Int).SetString(field, 0) // 0x and 0 as in C
		width := uint(8)
		if i == len(fields)-1 {
			width = uint(8 * (5 - len(fields)))
		}
		ofGo := strings.ContainsAny(field, "+-_") || len(field) > 1 && strings.ContainsAny(field[1:2], "bBoO")
		if !ok || ofGo || n.BitLen() > int(width) {
			return netip.Addr{}
		}
		value.Or(value.Lsh(value, width), n)
	}
	return netip.AddrFrom4([4]byte(value.FillBytes(make([]byte, 4))))
}
