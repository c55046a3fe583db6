"""Prints the documents of a stream of Pollux, with nothing but the standard library of Python 3.9 or later.

Whatever ends the connection, it comes back and continues after the last document that it has printed:

    python3 consumer.py http://localhost:3000/api/sse
"""

import http.client
import random
import sys
import time
import urllib.error
import urllib.request

SILENCE = 45  # seconds without a byte, after which a connection is dead; Pollux sends a heartbeat every 15 s
LONGEST_WAIT = 30  # seconds: the random part of the wait after many failures
LONGEST_RETRY = 3600  # seconds, of what the server wants
HEALTHY = 60  # seconds, after which a connection was no failure


class Stream:
    """A stream of Server-Sent Events. Its events are tuples of a name and a text; documents are named "message"."""

    def __init__(self, url):
        self.url = url
        self.last_id = ""  # after which the stream continues
        self.retry = 0.0  # seconds that the server wants clients to wait

    def __iter__(self):
        failures = 0
        while True:
            began = time.monotonic()
            try:
                yield from self._read()
                problem = "it was closed"
            except (OSError, http.client.HTTPException) as error:
                problem = error
            if time.monotonic() - began >= HEALTHY:
                failures = 0
            print(f"the connection has ended: {problem}", file=sys.stderr)
            # All clients lose their connections at the same moment when a server stops. A random wait keeps them
            # from returning together.
            time.sleep(self.retry + random.uniform(0, min(2 ** min(failures, 5), LONGEST_WAIT)))
            failures += 1

    def _read(self):
        """Yields the events of one connection."""
        headers = {"Accept": "text/event-stream"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        request = urllib.request.Request(self.url, headers=headers)
        with urllib.request.urlopen(request, timeout=SILENCE) as response:
            name, data, event_id = "", [], self.last_id
            for line in response:
                field, _, value = line.decode(errors="replace").rstrip("\r\n").partition(":")
                value = value[1:] if value.startswith(" ") else value
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    event_id = value
                elif field == "retry" and value.isdecimal():
                    self.retry = min(int(value) / 1000, LONGEST_RETRY)
                elif not field and not value and line.strip() == b"":
                    if data:
                        yield name or "message", "\n".join(data)
                    self.last_id, name, data = event_id, "", []


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000/api/sse"
    for name, data in Stream(url):
        if name == "status":  # the API behind Pollux is late, or answers again; or the server refuses the stream
            print(f"status: {data}", file=sys.stderr)
        elif name == "reset":  # documents were missed, and the newest one follows
            print(f"documents were missed: {data}", file=sys.stderr)
        else:
            print(data, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
