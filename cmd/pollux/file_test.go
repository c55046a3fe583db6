package main

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/polluxhub/pollux"
)

// settingsOf returns what flags, environment and a file come to.
func settingsOf(t *testing.T, file string, flags ...string) *serveCommand {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pollux.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := parse(append([]string{"serve", "--config", path}, flags...), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return &c.Serve
}

// Flags win over the environment, that over the file, and that over defaults.
func TestSettings(t *testing.T) {
	const file = "streams: [{name: a, push: true}]\n"
	const all = file + "history_total_bytes: 5\nmax_clients: 6\nmax_connections: 7\nmin_rate: 8\ntrusted_proxies: [10.0.0.0/8]\n"
	c := settingsOf(t, file)
	if c.HistoryTotalBytes != nil || c.MaxClients != nil || c.MaxConnections != nil || *c.MinRate != 1000 ||
		c.TrustedProxies != nil || *c.Drain != pollux.DefaultDrain {
		t.Errorf("defaults: %+v", c)
	}
	c = settingsOf(t, all)
	if *c.HistoryTotalBytes != 5 || *c.MaxClients != 6 || *c.MaxConnections != 7 || *c.MinRate != 8 ||
		!slices.Equal(c.TrustedProxies, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}) {
		t.Errorf("from the file: %+v", c)
	}
	for name, value := range map[string]string{
		"HISTORY_TOTAL_BYTES": "15", "MAX_CLIENTS": "16", "MAX_CONNECTIONS": "17", "MIN_RATE": "18", "TRUSTED_PROXIES": "::1,10.1.0.0/16",
	} {
		t.Setenv("POLLUX_"+name, value)
	}
	c = settingsOf(t, all)
	if *c.HistoryTotalBytes != 15 || *c.MaxClients != 16 || *c.MaxConnections != 17 || *c.MinRate != 18 ||
		!slices.Equal(c.TrustedProxies, []netip.Prefix{netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.1.0.0/16")}) {
		t.Errorf("from the environment: %+v", c)
	}
	c = settingsOf(t, all, "--max-clients", "26", "--trusted-proxies", "10.2.0.1")
	if *c.MaxClients != 26 || *c.MaxConnections != 17 || !slices.Equal(c.TrustedProxies, []netip.Prefix{netip.MustParsePrefix("10.2.0.1/32")}) {
		t.Errorf("from flags: %+v", c)
	}
}
