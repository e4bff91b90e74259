/* A persistent handler that is asked for trouble: `handler SERVICE OTHER [packets|stream|datagram]`, without the last
 * word started by Baton. By itself it keeps to docs/protocol.md; what the director wants comes as a signal. To OTHER, a
 * service, it passes connections of its own when it is asked to.
 *
 * Every connection says a nonce, which is written down when it begins to be served: not before the ACK has gone out. */
#define _GNU_SOURCE
#include "channel.h"
#include "connection.h"
#include "flood.h"
#include "misdeed.h"
#include "random.h"

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 256, EVENTS = 64, BATCH = 64, MOST_PASSING = 32, FLOOD_SIZE = 60, SHORT_WHILE = 400, LONG_WHILE = 2500 };

uint64_t random_seed;

struct handler {
    struct channel channel;
    struct flood flood;
    const char *service;
    int epoll, signals;
    int draining;
    int passing;
    uint64_t last;      /* the last baton's id */
    uint64_t deaf;      /* the channel is not read before; in milliseconds */
    uint64_t ended[BATCH];
    size_t ended_count;
    struct connection places[PLACES];
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void say(struct handler *handler, uint16_t type, uint64_t id, const void *body, size_t size)
{
    struct header header = {.length = (uint32_t)(sizeof header + size), .type = type, .id = id};
    channel_send(&handler->channel, &header, body, size, -1);
}

/* ---- Connections ---- */

static void flush_ended(struct handler *handler)
{
    if (handler->ended_count)
        say(handler, DONE, 0, handler->ended, handler->ended_count * sizeof *handler->ended);
    handler->ended_count = 0;
}

static void end(struct handler *handler, struct connection *connection)
{
    shutdown(connection->fd, SHUT_RDWR);
    close(connection->fd);
    connection->fd = -1;
    if (handler->ended_count == BATCH)
        flush_ended(handler);
    handler->ended[handler->ended_count++] = connection->id;
}

static void watch(struct handler *handler, struct connection *connection)
{
    int wanted = connection->stage == READING ? EPOLLIN : connection->stage == WRITING ? EPOLLOUT : 0;
    if (wanted == connection->watched)
        return;
    /* Out of the set while nothing is wanted: a hang-up would be reported again and again. */
    int operation = wanted == 0 ? EPOLL_CTL_DEL : connection->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = (uint32_t)wanted, .data.ptr = connection};
    if (epoll_ctl(handler->epoll, operation, connection->fd, &event) != 0)
        err(71, "epoll_ctl");
    connection->watched = wanted;
}

static void pass(struct handler *handler, struct connection *connection)
{
    connection->stage = PASSING;
    watch(handler, connection);
    connection->passes++;
    handler->passing++;
    char body[sizeof(struct pass_body) + sizeof connection->request];
    struct pass_body fields = {.drained = (uint32_t)connection->have};
    memcpy(body, &fields, sizeof fields);
    memcpy(body + sizeof fields, connection->request, connection->have);
    size_t size = sizeof fields + connection->have;
    struct header header = {.length = (uint32_t)(sizeof header + size), .type = PASS, .id = connection->id};
    channel_send(&handler->channel, &header, body, size, connection->fd);
}

static void go_on(struct handler *handler, struct connection *connection)
{
    enum outcome outcome = connection_go_on(connection, now());
    if (outcome == WANTS_TO_PASS && handler->passing == MOST_PASSING) {
        connection_keep(connection);
        outcome = connection_go_on(connection, now());
    }
    if (outcome == OVER)
        end(handler, connection);
    else if (outcome == WANTS_TO_PASS)
        pass(handler, connection);
    else
        watch(handler, connection);
}

static struct connection *find(struct handler *handler, uint64_t id)
{
    for (int place = 0; place < PLACES; place++)
        if (handler->places[place].fd >= 0 && handler->places[place].id == id)
            return &handler->places[place];
    errx(70, "no connection %llu", (unsigned long long)id);
}

/* Whether a connection has gone away or is still ours. */
static void take_passed(struct handler *handler, const struct header *header)
{
    if (flood_has(header->id))
        return flood_answered(&handler->flood, header);
    struct connection *connection = find(handler, header->id);
    handler->passing--;
    if (header->flags) {
        connection_keep(connection);
        go_on(handler, connection);
        return;
    }
    close(connection->fd);
    connection->fd = -1;
}

/* ---- The channel ---- */

static void take_baton(struct handler *handler)
{
    const struct header *header = &handler->channel.header;
    handler->last = header->id;
    struct connection *place = NULL;
    for (int index = 0; index < PLACES && !place; index++)
        if (handler->places[index].fd < 0)
            place = &handler->places[index];
    if (handler->channel.descriptor < 0 || !place) {
        if (handler->channel.descriptor >= 0)
            close(handler->channel.descriptor);
        say(handler, NACK, header->id, "no room", 7);
        return;
    }
    struct baton_body body;
    memcpy(&body, header + 1, sizeof body);
    const unsigned char *drained = handler->channel.bytes + sizeof *header + sizeof body + body.service + body.listener;
    if (body.drained > sizeof place->request)
        errx(70, "%u drained bytes", body.drained);
    memcpy(place->request, drained, body.drained);
    place->fd = handler->channel.descriptor;
    place->watched = 0;
    place->id = header->id;
    place->number = body.connection;
    place->have = body.drained;
    place->passes = body.drained ? 1 : 0;
    place->stage = UNTOUCHED;
    uint64_t chance = random_of(body.connection, 0);
    place->due = now() + (chance % 8 == 0 ? chance / 8 % 200 : 0);
}

static void take_message(struct handler *handler)
{
    const struct header *header = &handler->channel.header;
    switch (header->type) {
    case BATON: return take_baton(handler);
    case PASSED: return take_passed(handler, header);
    case PING: return say(handler, PONG, header->id, NULL, 0);
    case DRAIN_HANDLER: handler->draining = 1; return;
    case REJECT: errx(69, "rejected");
    default: return;
    }
}

/* One ACK for all that has come; what has been NACKed it does not mean. */
static void read_channel(struct handler *handler)
{
    int result = 0;
    uint64_t before = handler->last;
    for (int count = 0; count < BATCH && (result = channel_receive(&handler->channel)) == 1; count++)
        take_message(handler);
    if (result < 0)
        _exit(0);
    if (handler->last != before)
        say(handler, ACK, handler->last, NULL, 0);
    for (int index = 0; index < PLACES; index++)
        if (handler->places[index].fd >= 0 && handler->places[index].stage == UNTOUCHED)
            go_on(handler, &handler->places[index]);
}

static void watch_channel(struct handler *handler, int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &handler->channel};
    epoll_ctl(handler->epoll, operation, handler->channel.fd, &event);
}

/* ---- Trouble ---- */

static void fork_and_die(struct handler *handler)
{
    if (fork() == 0) {
        for (int index = 0; index < PLACES; index++)
            if (handler->places[index].fd >= 0)
                close(handler->places[index].fd);
        poll(NULL, 0, SHORT_WHILE);
    }
    _exit(1);
}

static void close_and_exit(struct handler *handler)
{
    close(handler->channel.fd);
    poll(NULL, 0, SHORT_WHILE);
    _exit(0);
}

static void make_trouble(struct handler *handler, enum misdeed misdeed)
{
    uint32_t capacity;
    switch (misdeed) {
    case DEAF_FOR_A_WHILE:
    case DEAF_FOR_LONG:
        handler->deaf = now() + (misdeed == DEAF_FOR_LONG ? LONG_WHILE : SHORT_WHILE);
        return watch_channel(handler, EPOLL_CTL_DEL);
    case CHILD_ON_CHANNEL: return fork_and_die(handler);
    case CLEAN_EXIT: _exit(0);
    case CRASH: abort();
    case OWN_DRAIN: handler->draining = 1; return say(handler, DRAIN, 0, NULL, 0);
    case OTHER_CAPACITY:
        capacity = (uint32_t)(random_of(handler->last, 1) % 64);
        return say(handler, CAPACITY, 0, &capacity, sizeof capacity);
    case CLOSED_CHANNEL: return close_and_exit(handler);
    case FLOOD: handler->flood.left = FLOOD_SIZE; return;
    default: return misdeed_send(&handler->channel, misdeed, handler->service, handler->last);
    }
}

static void read_signals(struct handler *handler)
{
    struct signalfd_siginfo signal;
    while (read(handler->signals, &signal, sizeof signal) == sizeof signal)
        make_trouble(handler, (enum misdeed)((int)signal.ssi_signo - SIGRTMIN));
}

static void open_signals(struct handler *handler)
{
    sigset_t set;
    sigemptyset(&set);
    for (int misdeed = 0; misdeed < MISDEEDS; misdeed++)
        sigaddset(&set, SIGRTMIN + misdeed);
    sigprocmask(SIG_BLOCK, &set, NULL);
    handler->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &handler->signals};
    if (handler->signals < 0 || epoll_ctl(handler->epoll, EPOLL_CTL_ADD, handler->signals, &event) != 0)
        err(71, "signals");
}

/* ---- The loop ---- */

/* What is due goes on; milliseconds until the next is. */
static int look_at_the_clock(struct handler *handler)
{
    uint64_t time = now(), next = time + 1000;
    if (handler->deaf && time >= handler->deaf) {
        handler->deaf = 0;
        watch_channel(handler, EPOLL_CTL_ADD);
    }
    if (handler->deaf && handler->deaf < next)
        next = handler->deaf;
    for (int index = 0; index < PLACES; index++) {
        struct connection *connection = &handler->places[index];
        if (connection->fd < 0 || (connection->stage != UNTOUCHED && connection->stage != WAITING))
            continue;
        if (time >= connection->due)
            go_on(handler, connection);
        else if (connection->due < next)
            next = connection->due;
    }
    return (int)(next - time);
}

static int holds_anything(const struct handler *handler)
{
    for (int index = 0; index < PLACES; index++)
        if (handler->places[index].fd >= 0)
            return 1;
    return 0;
}

static void run(struct handler *handler)
{
    struct epoll_event events[EVENTS];
    while (!handler->draining || handler->deaf || holds_anything(handler)) {
        int wait = look_at_the_clock(handler);
        flush_ended(handler);
        if (!handler->draining)
            flood_go_on(&handler->flood, &handler->channel);
        int count = epoll_wait(handler->epoll, events, EVENTS, wait);
        for (int index = 0; index < count; index++) {
            void *source = events[index].data.ptr;
            struct connection *connection = source;
            if (source == &handler->channel)
                read_channel(handler);
            else if (source == &handler->signals)
                read_signals(handler);
            else if (source == &handler->channel.lifeline)
                _exit(0);
            else if (connection->fd >= 0)
                go_on(handler, connection);
        }
    }
    flush_ended(handler);
}

static enum transport transport_named(const char *name)
{
    static const char *const names[] = {[PACKETS] = "packets", [STREAM] = "stream", [DATAGRAM] = "datagram"};
    for (enum transport transport = PACKETS; transport <= DATAGRAM; transport++)
        if (strcmp(name, names[transport]) == 0)
            return transport;
    errx(64, "no transport %s", name);
}

int main(int count, char **arguments)
{
    static struct handler handler;
    const char *seed = getenv("BATON_TROUBLE_SEED"), *directory = getenv("BATON_TROUBLE_RECORDS");
    if (count < 3 || !seed || !directory)
        errx(64, "usage: handler SERVICE OTHER [packets|stream|datagram]");
    random_seed = strtoull(seed, NULL, 10);
    handler.service = arguments[1];
    for (int index = 0; index < PLACES; index++)
        handler.places[index].fd = -1;
    flood_open(&handler.flood, handler.service, arguments[2], now() << 12);
    handler.epoll = epoll_create1(EPOLL_CLOEXEC);
    records_open(directory, handler.service);
    open_signals(&handler);
    channel_open(&handler.channel, count > 3 ? transport_named(arguments[3]) : SUPERVISED, handler.service);
    watch_channel(&handler, EPOLL_CTL_ADD);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &handler.channel.lifeline};
    if (handler.channel.lifeline >= 0)
        epoll_ctl(handler.epoll, EPOLL_CTL_ADD, handler.channel.lifeline, &event);
    run(&handler);
    return 0;
}
