package main

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"time"
)

// The scripts of upstreams that misbehave.

// says gives an answer as it stands.
func says(answer string) fault {
	return func(v visit) bool {
		v.say(answer)
		return false
	}
}

// putsOff asks by Retry-After not to be asked again.
func putsOff(status, retryAfter string) fault {
	return says(answer(status, "", "Retry-After: "+retryAfter))
}

func redirects(location string) fault {
	return says(answer("302 Found", "", "Location: "+location))
}

// unpacksTo sends gzip of about a thousandth of that size. The header does not
// tell how long it is.
func unpacksTo(size int) fault {
	bomb := bombOf(size)
	return func(v visit) bool {
		v.say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
		_, _ = v.Write(bomb) // as much as is wanted
		return false
	}
}

// bombOf returns one gzip member (RFC 1952) of so many digits 0, whole MiB. It is
// one deflated MiB again and again, which refers to nothing before it.
func bombOf(size int) []byte {
	const mib = 1 << 20
	zeros := bytes.Repeat([]byte{'0'}, mib)
	var block bytes.Buffer
	deflate, err := flate.NewWriter(&block, flate.BestCompression)
	if err != nil {
		panic(err) // the level is one
	}
	for _, step := range []func() error{
		func() error { _, err := deflate.Write(zeros); return err },
		deflate.Flush, // so it ends at a whole byte
	} {
		if err := step(); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
	}
	bomb := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	sum := uint32(0)
	for range size / mib {
		bomb = append(bomb, block.Bytes()...)
		sum = crc32.Update(sum, crc32.IEEETable, zeros)
	}
	bomb = append(bomb, 3, 0) // the last block, which is empty
	bomb = binary.LittleEndian.AppendUint32(bomb, sum)
	return binary.LittleEndian.AppendUint32(bomb, uint32(size))
}

// neverEnds sends a document without end.
func neverEnds(v visit) bool {
	v.say("HTTP/1.1 200 OK\r\n\r\n[0")
	for more := []byte(strings.Repeat(",0", 32<<10)); ; {
		if _, err := v.Write(more); err != nil {
			return false
		}
	}
}

// drips sends the header at once, and then a byte every so often.
func drips(pause time.Duration) fault {
	return func(v visit) bool {
		v.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
		for {
			v.say("[")
			if v.isLeftWithin(pause) {
				return false
			}
		}
	}
}

// isLeftWithin reports whether the other side closes the connection within a
// time.
func (v visit) isLeftWithin(wait time.Duration) bool {
	_ = v.SetReadDeadline(time.Now().Add(wait)) // it fails as the read does
	_, err := v.Read(make([]byte, 1))
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// neverAnswers waits until the other side is gone.
func neverAnswers(v visit) bool {
	_, _ = io.Copy(io.Discard, v.Conn)
	return false
}

// answersAfter gives the good answer when nobody waits for it any more.
func answersAfter(wait time.Duration) fault {
	return func(v visit) bool {
		select {
		case <-time.After(wait):
		case <-v.closing:
		}
		v.say(v.good)
		return false
	}
}

// renamesItsDocument gives the good document another ETag every time.
func renamesItsDocument(v visit) bool {
	v.say(strings.Replace(v.good, "\r\n", fmt.Sprintf("\r\nETag: \"%d\"\r\n", v.wronged), 1))
	return true
}

// dropsKeptConnections closes a connection as the next request arrives on it,
// and answers well on a new one.
func dropsKeptConnections(v visit) bool {
	if v.nth > 1 {
		return false
	}
	v.say(v.good)
	return true
}

// gone is an upstream that does not listen any more.
var gone fault
