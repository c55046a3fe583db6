package fanout_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"
)

// Types of records and of handshake messages (RFC 8446 sections 5.1 and 4, RFC 5246 section 7.4.1.1).
const (
	recordAlert       = 21
	recordHandshake   = 22
	recordApplication = 23

	messageHelloRequest = 0
	messageClientHello  = 1
	messageKeyUpdate    = 24
)

// forger is a client that seals records of its own: what no library for TLS would send. It has
// the keys of a connection whose handshake and request were those of crypto/tls.
type forger struct {
	t      *testing.T
	conn   net.Conn // under TLS
	secure *tls.Conn
	hello  heard // of the other end
	keys   bytes.Buffer

	version  uint16
	secret   []byte // of TLS 1.3, from which the keys come
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
}

// heard is a connection that keeps the first bytes of both directions: the hellos.
type heard struct {
	net.Conn
	sent, received []byte
}

func (h *heard) Write(p []byte) (int, error) {
	h.sent = append(h.sent, p[:min(len(p), 64-min(len(h.sent), 64))]...)
	return h.Conn.Write(p)
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.received = append(h.received, p[:min(n, 64-min(len(h.received), 64))]...)
	return n, err
}

// forge connects, finishes the handshake, and asks for the stream.
func (r *rig) forge() (*forger, *client) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.accept.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	f := &forger{t: r.t, conn: conn, hello: heard{Conn: conn}}
	config := r.trust.Clone()
	config.KeyLogWriter = &f.keys
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	f.secure = tls.Client(&f.hello, config)
	c := r.open(f.secure, "")
	state := f.secure.ConnectionState()
	f.version, f.sequence = state.Version, 1 // the request was record 0
	switch {
	case f.version == tls.VersionTLS12:
		f.sequence++ // Finished was record 0
		f.derive12()
	case state.CipherSuite == tls.TLS_AES_128_GCM_SHA256:
		f.secret = f.logged("CLIENT_TRAFFIC_SECRET_0")
		f.derive13()
	default:
		r.t.Fatalf("cipher suite %s: crypto/tls prefers AES where the processor has it", tls.CipherSuiteName(state.CipherSuite))
	}
	return f, c
}

// logged returns a secret of the key log.
func (f *forger) logged(label string) []byte {
	for line := range strings.Lines(f.keys.String()) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == label {
			secret, err := hex.DecodeString(fields[2])
			if err != nil {
				f.t.Fatal(err)
			}
			return secret
		}
	}
	f.t.Fatalf("no secret %s", label)
	return nil
}

// derive13 makes the keys of TLS 1.3 (RFC 8446 section 7.3).
func (f *forger) derive13() {
	f.seal(f.expand("key", 16))
	f.iv = f.expand("iv", 12)
}

func (f *forger) expand(label string, length int) []byte {
	label = "tls13 " + label
	info := append(binary.BigEndian.AppendUint16(nil, uint16(length)), byte(len(label)))
	info = append(append(info, label...), 0)
	out, err := hkdf.Expand(sha256.New, f.secret, string(info), length)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// derive12 makes the keys of TLS 1.2 (RFC 5246 sections 5 and 6.3).
func (f *forger) derive12() {
	const begin, length = 5 + 4 + 2, 32 // of a random in its record
	seed := append([]byte("key expansion"), f.hello.received[begin:begin+length]...)
	seed = append(seed, f.hello.sent[begin:begin+length]...)
	master := f.logged("CLIENT_RANDOM")
	sum := func(text []byte) []byte {
		mac := hmac.New(sha256.New, master)
		mac.Write(text)
		return mac.Sum(nil)
	}
	var block []byte
	for a := sum(seed); len(block) < 2*16+2*4; a = sum(a) {
		block = append(block, sum(append(bytes.Clone(a), seed...))...)
	}
	f.seal(block[:16])
	f.iv = block[32:36]
}

func (f *forger) seal(key []byte) {
	block, err := aes.NewCipher(key)
	if err != nil {
		f.t.Fatal(err)
	}
	if f.aead, err = cipher.NewGCM(block); err != nil {
		f.t.Fatal(err)
	}
}

// record returns the next record.
func (f *forger) record(kind byte, data []byte) []byte {
	defer func() { f.sequence++ }()
	count := binary.BigEndian.AppendUint64(nil, f.sequence)
	if f.version == tls.VersionTLS12 {
		head := []byte{kind, 3, 3, 0, 0}
		binary.BigEndian.PutUint16(head[3:], uint16(8+len(data)+f.aead.Overhead()))
		additional := append(bytes.Clone(count), kind, 3, 3, byte(len(data)>>8), byte(len(data)))
		nonce := append(bytes.Clone(f.iv), count...)
		return append(append(head, count...), f.aead.Seal(nil, nonce, data, additional)...)
	}
	head := []byte{recordApplication, 3, 3, 0, 0}
	inner := append(bytes.Clone(data), kind)
	binary.BigEndian.PutUint16(head[3:], uint16(len(inner)+f.aead.Overhead()))
	nonce := bytes.Clone(f.iv)
	for i, b := range count {
		nonce[4+i] ^= b
	}
	return append(head, f.aead.Seal(nil, nonce, inner, head)...)
}

// keyUpdate returns a record that changes the keys of the client, and asks for new ones of the
// server (RFC 8446 section 4.6.3).
func (f *forger) keyUpdate() []byte {
	record := f.record(recordHandshake, []byte{messageKeyUpdate, 0, 0, 1, 1})
	f.secret, f.sequence = f.expand("traffic upd", 32), 0
	f.derive13()
	return record
}

// send sends records until so many bytes were sent or the server has closed the connection. It
// returns how many the socket took.
func (f *forger) send(bytes int, record func() []byte) (sent int) {
	if err := f.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		f.t.Fatal(err)
	}
	var batch []byte
	for made := 0; made < bytes; {
		batch = batch[:0]
		for len(batch) < 16<<10 {
			batch = append(batch, record()...)
		}
		made += len(batch)
		n, err := f.conn.Write(batch)
		if sent += n; err != nil {
			break
		}
	}
	return sent
}
