/* An echo handler in a poll(2) loop of its own: one thread, many connections. Reads a line, answers
 * "poll pid=PID connection=N LINE", closes. "pass SERVICE" passes the connection on, with what follows that line.
 *
 *     services:
 *       echo: {listen: 7000, handoff: {exec: [/path/to/poll_echo]}}
 *
 * Run by hand (poll_echo SERVICE) it registers whenever a supervisor is there. TERM ends it in order. */
#define _GNU_SOURCE
#include "baton_handler.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { CHANNEL, SIGNALS, FIRST, CAPACITY = 256, LONGEST_LINE = 4096 };

/* The first two are the handler and the signals, the others one connection each. */
static struct pollfd polled[FIRST + CAPACITY];
static struct baton_connection *connections[FIRST + CAPACITY];
static nfds_t count = FIRST;

/* What has come of a line; a connection's `user`. */
struct line {
    size_t length;
    char text[LONGEST_LINE];
};

static void end(struct baton_connection *connection) {
    free(connection->user);
    baton_end(connection);
}

static void answer(struct baton_connection *connection, const char *text, size_t length) {
    char reply[LONGEST_LINE + 100];
    int size = snprintf(reply, sizeof reply, "poll pid=%d connection=%" PRIu64 " %.*s\n", (int)getpid(),
                        connection->number, (int)length, text);
    /* Fits into the socket's empty buffer. */
    (void)!send(connection->fd, reply, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    end(connection);
}

/* It comes back from baton_next with its outcome. */
static void pass(struct baton_connection *connection, const char *service, const char *rest, size_t length) {
    if (baton_unread(connection, rest, length) != 0)
        end(connection);
    else if (baton_pass_begin(connection, service) != 0)
        answer(connection, connection->refusal, strlen(connection->refusal));
}

static void take_line(struct baton_connection *connection, struct line *line, char *end_of_line) {
    char *rest = end_of_line + 1;
    if (end_of_line > line->text && end_of_line[-1] == '\r')
        end_of_line--;
    *end_of_line = 0;
    if (strncmp(line->text, "pass ", 5) == 0)
        pass(connection, line->text + 5, rest, (size_t)(line->text + line->length - rest));
    else
        answer(connection, line->text, (size_t)(end_of_line - line->text));
}

/* Reads what is there. 0: the line is not whole yet; 1: the connection is off our hands. */
static int serve(struct baton_connection *connection) {
    struct line *line = connection->user;
    for (;;) {
        size_t room = sizeof line->text - line->length;
        ssize_t got;
        if (connection->drained_length > 0)
            got = baton_read(connection, line->text + line->length, room);
        else
            got = recv(connection->fd, line->text + line->length, room, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        char *end_of_line = got > 0 ? memchr(line->text + line->length, '\n', (size_t)got) : NULL;
        if (got > 0)
            line->length += (size_t)got;
        if (end_of_line)
            take_line(connection, line, end_of_line);
        else if (got > 0 && line->length < sizeof line->text)
            continue;
        else if (line->length > 0)
            answer(connection, line->text, line->length);
        else
            end(connection);
        return 1;
    }
}

static void take(struct baton_connection *connection) {
    if (connection->outcome == BATON_REFUSED)
        return answer(connection, connection->refusal, strlen(connection->refusal));
    /* Those of a supervisor that is gone are not in the count of the next one. */
    if (connection->outcome == BATON_TAKEN || count == FIRST + CAPACITY ||
        !(connection->user = calloc(1, sizeof(struct line))))
        return end(connection);
    /* Drained bytes wake no poll(2). */
    if (serve(connection))
        return;
    polled[count] = (struct pollfd){.fd = connection->fd, .events = POLLIN};
    connections[count++] = connection;
}

/* Answers what baton_next answered last. */
static int take_all(struct baton_handler *handler) {
    struct baton_connection *connection;
    int result;
    while ((result = baton_next(handler, &connection, 0)) == 1)
        take(connection);
    return result;
}

static void serve_ready(void) {
    for (nfds_t index = count; index-- > FIRST;) {
        if (!polled[index].revents || !serve(connections[index]))
            continue;
        count--; /* the last takes its place: it has had its turn */
        polled[index] = polled[count];
        connections[index] = connections[count];
    }
}

static int open_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int arguments, char **argument) {
    struct baton_options options = {
        .service = arguments > 1 ? argument[1] : NULL, .capacity = CAPACITY, .status = "polling", .reconnect = 1};
    struct baton_handler *handler = baton_open(&options);
    if (!handler) {
        perror("poll_echo: cannot register");
        return 1;
    }
    polled[CHANNEL] = (struct pollfd){.fd = baton_fd(handler), .events = POLLIN};
    polled[SIGNALS] = (struct pollfd){.fd = open_signals(), .events = POLLIN};
    while (take_all(handler) == 0) {
        if (poll(polled, count, -1) < 0 && errno != EINTR)
            break;
        struct signalfd_siginfo signal;
        if (polled[SIGNALS].revents && read(polled[SIGNALS].fd, &signal, sizeof signal) > 0)
            baton_drain(handler);
        serve_ready();
    }
    int status = baton_error(handler) ? 1 : 0;
    if (status)
        fprintf(stderr, "poll_echo: %s\n", baton_error(handler));
    /* Without a channel it finishes what it holds. */
    while (count > FIRST && (poll(polled + FIRST, count - FIRST, -1) >= 0 || errno == EINTR))
        serve_ready();
    while (count > FIRST)
        end(connections[--count]);
    baton_close(handler);
    return status;
}
