#ifndef LIMITS_INBOX_H
#define LIMITS_INBOX_H

#include "message.h"

/* A handler's end of the channel. */
struct inbox {
    int channel;
    int acknowledges, says_done;
    int is_ending;              /* after DRAIN or the channel's end */
    uint64_t held;              /* connections that are not over */
    unsigned count, done_count; /* of the two lists */
    struct {
        int fd;
        uint64_t id;
    } batons[WINDOW];           /* those that inbox_receive brought */
    uint64_t done[WINDOW];      /* ids to be told */
};

/* Finds the channel in the environment and registers. */
void inbox_open(struct inbox *inbox, int acknowledges, int says_done);

/* Empties the channel, up to WINDOW batons, and acknowledges them. Exits the program when it reads what it should not. */
void inbox_receive(struct inbox *inbox);

/* A connection is over. */
void inbox_done(struct inbox *inbox, uint64_t id);

/* Says which are over. */
void inbox_tell(struct inbox *inbox);

/* Whether nothing is left and nothing will come. */
int inbox_is_over(const struct inbox *inbox);

#endif
