/* A program that is started for what it serves: `program SERVICE nowait|wait|datagrams`, the socket on descriptor 0.
 * It serves what the persistent handlers of trouble/ serve, and writes down each connection that it accepts. One that
 * is started for a listener or for datagrams says READY, and ends when nobody has come for a moment. */
#define _GNU_SOURCE
#include "../trouble/connection.h"
#include "../trouble/random.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 64, IDLE_EXIT = 300 };

uint64_t random_seed;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* So that a client without an answer is known to have been ours. */
static void record_accepted(int fd)
{
    struct sockaddr_in peer = {.sin_family = AF_UNSPEC};
    socklen_t size = sizeof peer;
    char host[INET_ADDRSTRLEN] = "";
    getpeername(fd, (struct sockaddr *)&peer, &size);
    if (peer.sin_family == AF_INET)
        inet_ntop(AF_INET, &peer.sin_addr, host, sizeof host);
    record("accepted", "-", "%s:%d", host, ntohs(peer.sin_port));
}

/* No other connection of the service has it. */
static uint64_t next_number(void)
{
    static uint64_t count;
    return (count++ << 40 | now()) << 16 | ((uint64_t)getpid() & 0xffff);
}

static void take(struct connection *connection, int fd)
{
    record_accepted(fd);
    *connection = (struct connection){.fd = fd, .number = next_number()};
}

/* Nobody is there to pass it to. */
static enum outcome go_on(struct connection *connection)
{
    enum outcome outcome = connection_go_on(connection, now());
    if (outcome != WANTS_TO_PASS)
        return outcome;
    connection_keep(connection);
    return connection_go_on(connection, now());
}

static struct pollfd polled(const struct connection *connection)
{
    short wanted = connection->stage == READING ? POLLIN : connection->stage == WRITING ? POLLOUT : 0;
    return (struct pollfd){.fd = wanted ? connection->fd : -1, .events = wanted};
}

static int time_left(const struct connection *connection)
{
    if (connection->stage != WAITING)
        return -1;
    uint64_t time = now();
    return connection->due > time ? (int)(connection->due - time) : 0;
}

static void serve_one(void)
{
    static struct connection connection;
    take(&connection, STDIN_FILENO);
    while (go_on(&connection) != OVER) {
        struct pollfd entry = polled(&connection);
        poll(&entry, 1, time_left(&connection));
    }
}

/* ---- A listener ---- */

static void say_ready(void)
{
    static const char message[] = "READY=1\nSTATUS=serving";
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (!path || fd < 0)
        return;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    sendto(fd, message, sizeof message - 1, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address);
    close(fd);
}

static struct connection places[PLACES];

static struct connection *free_place(void)
{
    for (int index = 0; index < PLACES; index++)
        if (places[index].fd < 0)
            return &places[index];
    return NULL;
}

static void accept_one(void)
{
    int fd = accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 && errno != EAGAIN)
        err(71, "accept");
    if (fd >= 0)
        take(free_place(), fd);
}

/* Those that are over go; milliseconds until the next is due. */
static int go_on_with_all(int *held)
{
    int wait = IDLE_EXIT;
    *held = 0;
    for (int index = 0; index < PLACES; index++) {
        struct connection *connection = &places[index];
        if (connection->fd < 0)
            continue;
        if (go_on(connection) == OVER) {
            close(connection->fd);
            connection->fd = -1;
            continue;
        }
        ++*held;
        int left = time_left(connection);
        if (left >= 0 && left < wait)
            wait = left;
    }
    return wait;
}

static void serve_listener(void)
{
    for (int index = 0; index < PLACES; index++)
        places[index].fd = -1;
    /* Whoever was there may be gone by the time of accept, which would wait for the next. */
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    say_ready();
    for (;;) {
        int held;
        int wait = go_on_with_all(&held);
        struct pollfd entries[PLACES + 1] = {{.fd = free_place() ? STDIN_FILENO : -1, .events = POLLIN}};
        for (int index = 0; index < PLACES; index++)
            entries[index + 1] = places[index].fd < 0 ? (struct pollfd){.fd = -1} : polled(&places[index]);
        int count = poll(entries, PLACES + 1, wait);
        if (count == 0 && held == 0)
            return;
        if (entries[0].revents & POLLIN)
            accept_one();
    }
}

/* ---- Datagrams ---- */

/* "NONCE …", answered with the nonce, our pid and how many bytes came. */
static void serve_datagrams(void)
{
    static char request[65536];
    char answer[64];
    say_ready();
    struct pollfd entry = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&entry, 1, IDLE_EXIT) > 0) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        ssize_t count = recvfrom(STDIN_FILENO, request, sizeof request, MSG_DONTWAIT, (struct sockaddr *)&peer, &size);
        if (count < NONCE + 1 || request[NONCE] != ' ' || strspn(request, "0123456789abcdef") != NONCE)
            continue;
        record("served", request, "%" PRIu64 " datagram", next_number());
        int length = snprintf(answer, sizeof answer, "%.16s %d %zd\n", request, (int)getpid(), count);
        sendto(STDIN_FILENO, answer, (size_t)length, MSG_DONTWAIT, (struct sockaddr *)&peer, size);
    }
}

/* A launcher that is short of them leaves its limit to what it starts. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **arguments)
{
    const char *seed = getenv("BATON_TROUBLE_SEED"), *directory = getenv("BATON_TROUBLE_RECORDS");
    if (count != 3 || !seed || !directory)
        errx(64, "usage: program SERVICE nowait|wait|datagrams");
    random_seed = strtoull(seed, NULL, 10);
    raise_descriptors();
    records_open(directory, arguments[1]);
    if (strcmp(arguments[2], "wait") == 0)
        serve_listener();
    else if (strcmp(arguments[2], "datagrams") == 0)
        serve_datagrams();
    else
        serve_one();
    return 0;
}
