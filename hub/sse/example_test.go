package sse_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/polluxhub/pollux/hub/sse"
)

func ExampleAppendEvent() {
	frame, err := sse.AppendEvent(nil, sse.Event{
		ID:   "0f3a-17",
		Name: "quotes",
		Data: []byte("{\n\"value\": 42\n}"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", frame)
	// Output:
	// id: 0f3a-17
	// event: quotes
	// data: {
	// data: "value": 42
	// data: }
}

// An ID from outside cannot inject a field into the stream.
func ExampleAppendEvent_refused() {
	_, err := sse.AppendEvent(nil, sse.Event{ID: "1\ndata: forged"})
	fmt.Println(errors.Is(err, sse.ErrInvalidID))
	// Output: true
}

// The start of a stream, and a heartbeat. Both end with a blank line that the caller
// adds.
func ExampleAppendComment() {
	start := sse.AppendRetry(nil, 3127*time.Millisecond)
	start = append(sse.AppendComment(start, "pollux"), '\n')
	heartbeat := append(sse.AppendComment(nil, "hb"), '\n')
	fmt.Printf("%q\n%q\n", start, heartbeat)
	// Output:
	// "retry: 3127\n: pollux\n\n"
	// ": hb\n\n"
}

func ExampleDecoder() {
	stream := strings.NewReader("retry: 3127\n: pollux\n\nid: 7\ndata: {\"value\":42}\n\nevent: status\ndata: {\"state\":\"stale\"}\n\n")

	d := sse.NewDecoder(stream) // in a client, the body of the response
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q %q %s\n", e.Name, e.ID, e.Data)
	}
	retry, _ := d.Retry()
	fmt.Println("resume after", d.LastEventID(), "in", retry)
	// Output:
	// "" "7" {"value":42}
	// "status" "7" {"state":"stale"}
	// resume after 7 in 3.127s
}

func ExampleNewDecoderWithOptions() {
	stream := strings.NewReader("data: " + strings.Repeat("x", 2000) + "\n\n")
	d := sse.NewDecoderWithOptions(stream, &sse.DecoderOptions{MaxBytes: 1 << 10})
	_, err := d.Next()
	fmt.Println(err)
	// Output: sse: line or event exceeds the limit
}
