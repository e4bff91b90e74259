/* A persistent handler for Baton in C: connections come as descriptors over a channel that stays open.
 *
 * Compile and link with `pkg-config --cflags --libs baton-handler` (Linux, C11). baton-handler(7) explains
 * how a handler is written, docs/protocol.md what goes over the channel. The library keeps the protocol's
 * promises for you: it acknowledges a connection before you see it, answers heartbeats, refuses what it
 * cannot take, and reports what has ended.
 *
 * The short form serves each connection in a thread of a pool:
 *
 *     static void serve(struct baton_connection *connection, void *context) { ... }
 *
 *     int main(void) {
 *         struct baton_options options = {.threads = 32};
 *         return baton_serve(&options, serve, NULL) == 0 ? 0 : 1;
 *     }
 *
 * The long form fits an event loop: baton_open, poll baton_fd for reading, and call
 * baton_next(handler, &connection, 0) until it answers 0. Only one thread may call baton_next, baton_error
 * and baton_close; everything else may be called from any thread, and a connection is used by one at a time.
 */
#ifndef BATON_HANDLER_H
#define BATON_HANDLER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Traits of a handler (REGISTER). */
enum {
    BATON_SERVES_ON_CHANNEL_THREAD = 1, /* one connection at a time, in the thread that calls baton_next */
    BATON_SENDS_NO_DONE = 2             /* connections count only until they are acknowledged */
};

/* Zero means the default everywhere. */
struct baton_options {
    const char *service;           /* default: BATON_SERVICE from the environment */
    const char *runtime_directory; /* where to register when there is no BATON_CHANNEL; default: see protocol.md */
    const char *status;            /* shown by `baton status` */
    uint32_t capacity;             /* the most connections held at once; 0: as the service table says */
    uint16_t traits;
    unsigned threads; /* baton_serve only: 0 serves in the calling thread, one at a time */
    /* Not 0: whenever the supervisor goes away, refuses, or is not there yet, register again: after 100 ms,
     * then twice as long each time up to 30 s, give or take a quarter. Then only baton_drain ends the handler.
     * Without meaning for one that Baton started: it ends with its channel. */
    int reconnect;
};

/* What became of a connection that was passed on with baton_pass_begin. */
enum baton_outcome { BATON_NOT_PASSED, BATON_TAKEN, BATON_REFUSED };

struct baton_handler;

/* One connection. Yours until baton_end. */
struct baton_connection {
    int fd;              /* a blocking stream socket. Set it to -1 to keep the descriptor past baton_end */
    uint64_t number;     /* the connection's number in Baton's log and events; 0 for one of your own */
    int was_sent_before; /* another handler was given it first, and did not take it */
    const char *service;
    const char *listener;
    /* Bytes that were read from the stream already. They come first; baton_read hands them out. */
    const unsigned char *drained;
    size_t drained_length;
    /* A PROXY protocol v2 header with the original addresses, or length 0; baton_peer reads it. */
    const unsigned char *proxy_header;
    size_t proxy_header_length;
    enum baton_outcome outcome;
    const char *refusal; /* why it was not taken; NULL unless the last attempt to pass it failed */
    struct baton_handler *handler;
    void *user; /* for you */
};

/* Opens the channel (BATON_CHANNEL, else RUNTIME_DIR/register.sock) and registers. NULL and errno when
 * that fails. It does not wait for the supervisor's answer: a refusal is reported by baton_next. */
struct baton_handler *baton_open(const struct baton_options *options);

/* Becomes readable when baton_next has something to do. The same for the handler's whole life. */
int baton_fd(const struct baton_handler *handler);

/* The next connection, acknowledged, or one whose PASS was answered (see its outcome). Waits up to
 * `milliseconds` (-1: for ever, 0: not at all) and answers 1: *connection is yours; 0: none in that time;
 * -1: it is over, because the handler was told to drain and everything has ended, or because the channel
 * failed (see baton_error). */
int baton_next(struct baton_handler *handler, struct baton_connection **connection, int milliseconds);

/* Ends a connection: shutdown, close, and its place given back. Frees `connection`. What waits for the
 * answer to a PASS ends when that has come. */
void baton_end(struct baton_connection *connection);

/* Tells the supervisor: the most connections to hold (0: as the service table says), a line for
 * `baton status` (cut at 1,024 bytes), and: send no more, I finish what I have. */
void baton_set_capacity(struct baton_handler *handler, uint32_t capacity);
void baton_set_status(struct baton_handler *handler, const char *text);
void baton_drain(struct baton_handler *handler);

/* Why baton_next answered -1: NULL for a clean end, else a line of text. With `reconnect`, why there is
 * no channel now, NULL when there is one. Valid until the next call of baton_next or baton_close. */
const char *baton_error(const struct baton_handler *handler);

/* Closes the channel. Every connection must have been ended. */
void baton_close(struct baton_handler *handler);

/* All of the above: calls `serve` for each connection and ends it afterwards. 0 after a clean end,
 * -1 (a line is on standard error) otherwise. */
int baton_serve(const struct baton_options *options, void (*serve)(struct baton_connection *, void *), void *context);

/* read(2) that hands out the drained bytes first, and write(2) of everything (0, or -1 and errno).
 * Neither is interrupted by a signal, and a peer that is gone raises none. */
ssize_t baton_read(struct baton_connection *connection, void *buffer, size_t size);
int baton_write(struct baton_connection *connection, const void *bytes, size_t size);

/* Puts bytes back in front of the stream: baton_read hands them out again, and baton_pass sends them along.
 * 0, or -1 and errno: EMSGSIZE when more than 61,440 would be drained, ENOMEM. */
int baton_unread(struct baton_connection *connection, const void *bytes, size_t size);

/* The client's address: from the PROXY header if there is one, else getpeername(2). 0, or -1 and errno. */
int baton_peer(const struct baton_connection *connection, struct sockaddr_storage *address, socklen_t *length);

/* Passes a connection on, with its drained bytes in front, to `service`, which the table lists in `pass_to`,
 * or with NULL to another handler of this one. Waits for the supervisor's answer, which comes at once.
 *
 * 0: taken. Its `fd` is closed here and -1; baton_end frees the rest, as always.
 * -1: it is yours still, and `refusal` says why: errno is ECONNREFUSED when the supervisor refused (`refusal` is
 * one of the reasons of protocol.md), ENOTCONN when it is not there or went away before it answered (if it
 * lives, it may have taken it all the same), anything else when the PASS could not be sent.
 *
 * Take the descriptor out of your own epoll(7) set first: others hold the socket, so closing does not. While
 * another thread is in baton_next it does the work; in that thread itself, baton_pass reads the channel. */
int baton_pass(struct baton_connection *connection, const char *service);

/* The same for event loops: never waits. 0: leave the connection alone until baton_next gives it to you again
 * with its outcome, BATON_TAKEN (and `fd` -1) or BATON_REFUSED; then baton_end it, or go on serving it.
 * To have it closed if it is refused and hear no more of it, call baton_end at once, in the thread of
 * baton_next. -1 as above; under baton_serve always, for nobody would hear the outcome: ENOTSUP. */
int baton_pass_begin(struct baton_connection *connection, const char *service);

/* Makes a connection of a stream or seqpacket socket that Baton did not send, so that it can be passed on.
 * NULL and errno when there is no memory; otherwise `fd` is the connection's from now on. It counts among
 * those that a drain waits for, and takes no place at the supervisor. */
struct baton_connection *baton_adopt(struct baton_handler *handler, int fd);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
