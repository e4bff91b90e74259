#ifndef TROUBLE_CONNECTION_H
#define TROUBLE_CONNECTION_H

#include "message.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The request: this line, then `payload` bytes. "NONCE KIND LENGTH DELAY.\n" with 16, 1, 6 and 4 digits. */
enum { LINE = 32, NONCE = 16, LONGEST_PAYLOAD = 57344, LONG_ANSWER = 262144, LONGEST_SHORT_ANSWER = 64, MOST_PASSES = 3 };

/* The first digit of the nonce where the connection is a handler's own. Its payload is its nonce, again and again. */
enum { FLOODED = 'f' };

enum kind { SHORT = 'a', LONG = 'b', PASSED_ON = 'p' };

enum stage {
    UNTOUCHED, /* acknowledged, and not a byte read before `due` */
    READING,
    PASSING, /* until PASSED nothing is done with it */
    WAITING, /* served when `due` */
    WRITING
};

struct connection {
    int fd; /* -1: this place is free */
    enum stage stage;
    int watched; /* the epoll events */
    uint64_t id, number;
    uint64_t due; /* in milliseconds; of UNTOUCHED and WAITING */
    int passes;   /* attempts in this process */
    size_t have;  /* bytes of the request: those drained and those read */
    size_t answered, answer; /* bytes sent, and of all */
    char short_answer[LONGEST_SHORT_ANSWER];
    char request[LINE + LONGEST_PAYLOAD];
};

enum outcome { GOES_ON, WANTS_TO_PASS, OVER };

/* Goes on as far as possible without waiting. */
enum outcome connection_go_on(struct connection *connection, uint64_t now);

/* It is served here, not passed on. */
void connection_keep(struct connection *connection);

/* Where each nonce is written down when it begins to be served: a file for all processes of a service. */
void records_open(const char *directory, const char *service);

/* Writes a line down: what, of which nonce (16 bytes), and whatever helps to find out why. */
void record(const char *what, const char *nonce, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
