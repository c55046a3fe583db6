// A plain Node server: the http module, a set of responses, a write for each.
import http from 'node:http';

const clients = new Set();
let id = 0;

const server = http.createServer((request, response) => {
  if (request.method === 'GET' && request.url === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    response.flushHeaders();
    clients.add(response);
    request.on('close', () => clients.delete(response));
    return;
  }
  if (request.method === 'POST' && request.url === '/publish') {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const frame = `id: ${++id}\ndata: ${Buffer.concat(parts)}\n\n`;
      for (const client of clients) client.write(frame);
      response.writeHead(204).end();
    });
    return;
  }
  response.writeHead(404).end();
});

server.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
