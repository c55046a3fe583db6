// The floor: the least that any server has to do. One thread, one epoll set, and
// for each event one write(2) to each client's socket. No resume, no heartbeat,
// no limits, no TLS. A client whose socket is full keeps a copy of what it could
// not take, and is dropped after four seconds, or when that copy exceeds a
// megabyte.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 20, BODY = 1 << 20, BACKLOG = 1 << 20, DEADLINE = 4, EVENTS = 512 };

// A connection that has asked for the stream costs a slot in two arrays. All
// else is there only while a request is read, or while a socket is full.
struct request { size_t have; char text[BODY + 4096]; };
struct backlog { size_t have; time_t since; char bytes[BACKLOG]; };

static struct request *requests[MOST]; // by descriptor
static struct backlog *backlogs[MOST];
static int clients[MOST];  // the descriptors that stream
static int position[MOST]; // of a descriptor in clients, plus one; 0: not streaming
static int count, stalled, loop;
static unsigned long id;

static time_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return t.tv_sec;
}

static void drop(int fd) {
  if (position[fd]) {
    int last = clients[--count];
    clients[position[fd] - 1] = last;
    position[last] = position[fd];
    position[fd] = 0;
  }
  if (backlogs[fd]) stalled--;
  free(backlogs[fd]);
  free(requests[fd]);
  backlogs[fd] = NULL;
  requests[fd] = NULL;
  close(fd);
}

static void watch(int fd, unsigned events) {
  struct epoll_event e = {.events = events, .data.fd = fd};
  epoll_ctl(loop, EPOLL_CTL_MOD, fd, &e);
}

// keep stores what a full socket has not taken. It returns 0 when it is too much.
static int keep(int fd, const char *bytes, size_t n) {
  struct backlog *b = backlogs[fd];
  if (!b) {
    b = backlogs[fd] = malloc(sizeof *b);
    b->have = 0;
    b->since = now();
    stalled++;
    watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
  }
  if (b->have + n > BACKLOG) return 0;
  memcpy(b->bytes + b->have, bytes, n);
  b->have += n;
  return 1;
}

// deliver writes a frame to every client. It goes downwards, because drop moves
// the last one into the gap.
static void deliver(const char *frame, size_t n) {
  for (int i = count - 1; i >= 0; i--) {
    int fd = clients[i];
    ssize_t done = backlogs[fd] ? 0 : write(fd, frame, n);
    if (done < 0) done = errno == EAGAIN ? 0 : -1;
    if (done < 0 || ((size_t)done < n && !keep(fd, frame + done, n - done))) drop(fd);
  }
}

static void writable(int fd) {
  struct backlog *b = backlogs[fd];
  if (!b) return;
  ssize_t done = write(fd, b->bytes, b->have);
  if (done < 0) {
    if (errno != EAGAIN) drop(fd);
    return;
  }
  if (done > 0) b->since = now();
  b->have -= done;
  memmove(b->bytes, b->bytes + done, b->have);
  if (b->have == 0) {
    free(b);
    backlogs[fd] = NULL;
    stalled--;
    watch(fd, EPOLLIN | EPOLLRDHUP);
  }
}

static void expire(void) {
  for (int i = count - 1; stalled && i >= 0; i--) {
    struct backlog *b = backlogs[clients[i]];
    if (b && now() - b->since >= DEADLINE) drop(clients[i]);
  }
}

static void stream(int fd) {
  static const char head[] =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
      "Transfer-Encoding: chunked\r\n\r\n5\r\n: hi\n\r\n";
  free(requests[fd]);
  requests[fd] = NULL;
  clients[count] = fd;
  position[fd] = ++count;
  if (write(fd, head, sizeof head - 1) < 0) drop(fd);
}

static void publish(int fd, const char *body, size_t n) {
  static char frame[BODY + 256], event[BODY + 128];
  size_t size = sprintf(event, "id: %lu\ndata: ", ++id);
  memcpy(event + size, body, n);
  size += n;
  memcpy(event + size, "\n\n", 2);
  size += 2;
  size_t head = sprintf(frame, "%zx\r\n", size);
  memcpy(frame + head, event, size);
  memcpy(frame + head + size, "\r\n", 2);
  deliver(frame, head + size + 2);
  static const char done[] = "HTTP/1.1 204 No Content\r\n\r\n";
  if (write(fd, done, sizeof done - 1) < 0) drop(fd);
}

// defer keeps a request that has not come whole yet.
static void defer(int fd, const struct request *q) {
  if (requests[fd]) return;
  requests[fd] = malloc(sizeof *q);
  requests[fd]->have = q->have;
  memcpy(requests[fd]->text, q->text, q->have + 1);
}

// request reads what a connection asks for: the stream, or to publish.
static void request(int fd) {
  // Nearly every request comes whole, and needs no memory of its own.
  static struct request scratch;
  struct request *q = requests[fd];
  if (!q) {
    q = &scratch;
    q->have = 0;
  }
  ssize_t n = read(fd, q->text + q->have, sizeof q->text - 1 - q->have);
  if (n <= 0) {
    if (n == 0 || errno != EAGAIN) drop(fd);
    return;
  }
  q->have += n;
  q->text[q->have] = 0;
  char *end = strstr(q->text, "\r\n\r\n");
  if (!end) {
    defer(fd, q);
    return;
  }
  if (!strncmp(q->text, "GET ", 4)) {
    stream(fd);
    return;
  }
  char *length = strcasestr(q->text, "\r\nContent-Length:");
  size_t want = length ? strtoul(length + 17, NULL, 10) : 0;
  size_t got = q->have - (end + 4 - q->text);
  if (want > BODY) {
    drop(fd);
    return;
  }
  if (got < want) {
    defer(fd, q);
    return;
  }
  publish(fd, end + 4, want);
  free(requests[fd]);
  requests[fd] = NULL;
}

static void readable(int fd) {
  if (!position[fd]) {
    request(fd);
    return;
  }
  char rest[512]; // a client that streams has nothing to say but that it goes
  ssize_t n = read(fd, rest, sizeof rest);
  if (n == 0 || (n < 0 && errno != EAGAIN)) drop(fd);
}

static void join(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
    if (fd >= MOST || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e)) close(fd);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("floor");
    return 1;
  }
  loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event first = {.events = EPOLLIN, .data.fd = listener}, ready[EVENTS];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &first);
  for (;;) {
    int n = epoll_wait(loop, ready, EVENTS, stalled ? 500 : -1);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) {
        join(listener);
        continue;
      }
      if (ready[i].events & EPOLLOUT) writable(fd);
      if (ready[i].events & ~EPOLLOUT) readable(fd);
    }
    expire();
  }
}
