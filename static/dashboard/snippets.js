/** Programs to copy that read a stream, each complete. */

const PACKAGE = 'pollux-client';

/**
 * @typedef {object} Snippet
 * @property {string} name of the language
 * @property {string} note what it needs
 * @property {string} code
 */

/**
 * snippets returns a program for each language.
 * @param {string} base the URL of the dashboard, with a final slash
 * @param {string} endpoint the stream, relative to it, as inQuery encodes it
 * @param {boolean} guarded whether the stream needs a token
 * @returns {Snippet[]}
 */
export function snippets(base, endpoint, guarded) {
  const url = base + endpoint;
  const token = guarded ? ' It takes the token from POLLUX_TOKEN.' : '';
  return [
    { name: 'curl', note: `For any shell.${token}`, code: guarded ? `curl -N -H "Authorization: Bearer $POLLUX_TOKEN" '${url}'` : `curl -N '${url}'` },
    { name: 'JavaScript', note: guarded ? 'For a page of this server, or its console: a page that has signed in sends the cookie.' : 'For a page, or the console of the browser.',
      code: [
        `const stream = new EventSource('${url}');`,
        'stream.onmessage = ({ data }) => console.log(JSON.parse(data));',
        "stream.addEventListener('status', ({ data }) => console.warn(JSON.parse(data)));",
      ].join('\n') },
    { name: 'React', note: `npm install ${PACKAGE}.${guarded ? ' Pass the token of the user.' : ''}`,
      code: [
        `import { usePollux } from '${PACKAGE}/react';`,
        '',
        guarded ? 'export default function Live({ token }) {' : 'export default function Live() {',
        `  const { value, status, error } = usePollux('${url}'${guarded ? ', { token }' : ''});`,
        '  return (',
        '    <section>',
        '      <p>{status}{error ? `: ${error.message}` : null}</p>',
        '      <pre>{JSON.stringify(value, null, 2)}</pre>',
        '    </section>',
        '  );',
        '}',
      ].join('\n') },
    { name: 'Go', note: `go run main.go, with nothing but the standard library.${token}`, code: go(url, guarded) },
    { name: 'Python', note: `python3 main.py, with nothing but the standard library.${token}`, code: python(url, guarded) },
  ];
}

/**
 * @param {string} url
 * @param {boolean} guarded
 */
function go(url, guarded) {
  return `package main

import (
	"bufio"
	"fmt"
	"log"
	"net/http"
${guarded ? '\t"os"\n' : ''}	"strings"
	"time"
)

func main() {
	lastID := ""
	for {
		err := read(&lastID)
		log.Print(err, "; connecting again")
		time.Sleep(3 * time.Second)
	}
}

func read(lastID *string) error {
	req, err := http.NewRequest("GET", ${JSON.stringify(url)}, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
${guarded ? '\treq.Header.Set("Authorization", "Bearer "+os.Getenv("POLLUX_TOKEN"))\n' : ''}	if *lastID != "" {
		req.Header.Set("Last-Event-ID", *lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 64<<20)
	event := ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case field == "id":
			*lastID = value
		case field == "event":
			event = value
		case field == "data" && event == "":
			fmt.Println(value)
		case field == "":
			event = ""
		}
	}
	return fmt.Errorf("the stream ended: %v", lines.Err())
}
`;
}

/**
 * @param {string} url
 * @param {boolean} guarded
 */
function python(url, guarded) {
  return `import json
${guarded ? 'import os\n' : ''}import time
import urllib.request

last_id = ""
while True:
    try:
        request = urllib.request.Request(${JSON.stringify(url)})
        request.add_header("Accept", "text/event-stream")
${guarded ? '        request.add_header("Authorization", "Bearer " + os.environ["POLLUX_TOKEN"])\n' : ''}        if last_id:
            request.add_header("Last-Event-ID", last_id)
        with urllib.request.urlopen(request, timeout=45) as lines:
            event = ""
            for line in lines:
                field, _, value = line.decode().rstrip("\\r\\n").partition(": ")
                if field == "id":
                    last_id = value
                elif field == "event":
                    event = value
                elif field == "data" and not event:
                    print(json.loads(value), flush=True)
                elif not field:
                    event = ""
    except OSError as error:
        print(error, "- connecting again", flush=True)
    time.sleep(3)
`;
}
