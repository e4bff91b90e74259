#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "exchange.h"
#include "tally.h"
#include "target.h"

#include <stddef.h>
#include <stdint.h>

/* One connection after another: connect, ask, read the answer to its end. */
struct client {
    int fd; /* -1: none */
    int epoll;
    uint32_t watched; /* what `epoll` looks for */
    int is_open;      /* whether a connection is under way */
    int asked;
    size_t answered;     /* bytes */
    uint64_t begin, end; /* of the connection, and of its answer, in nanoseconds */
    char question[QUESTION];
};

/* What a run is: the same for all its clients. */
struct run {
    struct target target;
    uint64_t nonce;
    uint64_t end; /* no connection begins after it */
    struct tally tally;
};

/* Begins a connection; no other may be open. Exits the program when this machine cannot make one. */
void client_begin(struct client *client, struct run *run);

/* Goes on as far as possible without waiting, now that `events` came. Not 0: the connection is over and counted. */
int client_go_on(struct client *client, struct run *run, uint32_t events);

/* Gives a connection up that takes too long. */
void client_time_out(struct client *client, struct run *run);

#endif
