#ifndef TROUBLE_MISDEED_H
#define TROUBLE_MISDEED_H

#include "channel.h"

/* What the director may ask for, with the signal SIGRTMIN + number. The names stand in director.py, in this order. */
enum misdeed {
    GARBAGE,
    WRONG_LENGTH,
    UNKNOWN_TYPE,
    ACK_OF_WHAT_WAS_NOT_SENT,
    DONE_OF_WHAT_WAS_NOT_SENT,
    NACK_OF_WHAT_IS_ACKNOWLEDGED,
    SECOND_REGISTER,
    EMPTY_MESSAGE,
    SURPLUS_DESCRIPTOR,
    UNKNOWN_FLAGS,
    TOO_LONG,
    SHUTDOWN,
    PASS_OF_WHAT_WAS_NOT_SENT,
    NO_UTF8,
    CUT_SHORT,
    /* From here on no protocol errors. */
    DEAF_FOR_A_WHILE,   /* the channel is not read, but within the heartbeat's timeout */
    DEAF_FOR_LONG,      /* … and beyond it */
    CHILD_ON_CHANNEL,   /* dies, and a child holds the channel for a while */
    CLEAN_EXIT,
    CRASH,
    OWN_DRAIN,
    OTHER_CAPACITY,
    CLOSED_CHANNEL, /* closes the channel, and exits a moment later without touching what it holds */
    FLOOD,          /* passes connections of its own, many at a time */
    MISDEEDS
};

/* Sends the message that is none. `last` is the last baton's id. */
void misdeed_send(struct channel *channel, enum misdeed misdeed, const char *service, uint64_t last);

#endif
