package guard

import (
	"net/netip"
	"testing"
)

func (k kind) String() string { return [...]string{"public", "private", "forbidden"}[k] }

// TestKindOf has each range with its edges, and each way to write an IPv4 address in an
// IPv6 one.
func TestKindOf(t *testing.T) {
	for _, test := range []struct {
		addrs []string
		want  kind
	}{
		{[]string{"1.1.1.1", "93.184.216.34", "169.253.255.255", "169.255.0.0", "168.63.129.15", "168.63.129.17", "223.255.255.255", "2606:4700::1111", "2a00:1450::1"}, public},
		{[]string{"127.0.0.1", "127.255.255.255", "10.0.0.0", "172.16.0.0", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.199", "192.0.2.1", "198.18.0.1"}, private},
		{[]string{"::1", "fc00::1", "fd12:3456::1", "fd00:ec3::254", "fec0::1", "2001:db8::1"}, private},
		{[]string{"169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255", "fe80::1", "fe80::1%eth0", "febf:ffff::1"}, forbidden},
		{[]string{"fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200"}, forbidden},
		{[]string{"100.100.100.200", "192.0.0.192", "168.63.129.16"}, forbidden},
		{[]string{"0.0.0.0", "0.255.255.255", "::", "224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.255", "ff02::1", "ff0e::1%eth0"}, forbidden},
		// Checked as the IPv4 address: mapped and NAT64.
		{[]string{"::ffff:1.1.1.1", "64:ff9b::1.1.1.1"}, public},
		{[]string{"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::192.168.0.1"}, private},
		{[]string{"::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", "::ffff:0.0.0.0", "::ffff:169.254.169.254%eth0"}, forbidden},
		// Never public: for one network, or obsolete.
		{[]string{"64:ff9b:1::1.1.1.1", "::ffff:0:1.1.1.1", "2002:101:101::1", "2001::fefe:fefe", "::1.1.1.1", "2002:7f00:1::"}, private},
		{[]string{"64:ff9b:1::169.254.169.254", "::ffff:0:169.254.169.254", "2002:a9fe:a9fe::1", "2001::5601:5601", "::169.254.169.254"}, forbidden},
	} {
		for _, text := range test.addrs {
			if got, reason := kindOf(netip.MustParseAddr(text)); got != test.want || (reason != "") != (got == forbidden) {
				t.Errorf("%s: %v %q, want %v", text, got, reason, test.want)
			}
		}
	}
	if got, _ := kindOf(netip.Addr{}); got != forbidden {
		t.Errorf("no address: %v, want forbidden", got)
	}
}

// FuzzKindOf looks for an address that passes only when it is mapped.
func FuzzKindOf(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{169, 254, 169, 254})
	f.Add([]byte{1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if addr, ok := netip.AddrFromSlice(data); ok {
			want, _ := kindOf(addr)
			if got, _ := kindOf(netip.AddrFrom16(addr.As16()).WithZone("eth0")); addr.Is4() && got != want {
				t.Errorf("%v is %v, mapped %v", addr, want, got)
			}
			if registries.SafeAddr(addr.Unmap()) == nil && want == private {
				t.Errorf("%v is private, but globally reachable", addr)
			}
		}
		if len(data) != 4 {
			return
		}
		four, nat64 := [4]byte(data), [16]byte{0, 0x64, 0xff, 0x9b}
		copy(nat64[12:], data)
		want, _ := kindOf(netip.AddrFrom4(four))
		if got, _ := kindOf(netip.AddrFrom16(nat64)); got != want {
			t.Errorf("%v is %v, by NAT64 %v", netip.AddrFrom4(four), want, got)
		}
	})
}

// TestControlRefuses checks the address to which a dialer is about to connect.
func TestControlRefuses(t *testing.T) {
	for _, test := range []struct {
		opts    Options
		after   bool
		address string
		want    bool
	}{
		{Options{}, false, "169.254.169.254:80", false},
		{Options{}, false, "[fe80::1%eth0]:80", false},
		{Options{}, false, "127.0.0.1:80", true},
		{Options{}, true, "127.0.0.1:80", false},
		{Options{DenyPrivate: true}, false, "127.0.0.1:80", false},
		{Options{DenyPrivate: true}, true, "1.1.1.1:80", true},
		{Options{}, false, "upstream:80", false}, // not an address
	} {
		ctx := t.Context()
		if test.after {
			ctx = AfterPublic(ctx)
		}
		if err := New(test.opts).control(ctx, "tcp4", test.address, nil); (err == nil) != test.want {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
