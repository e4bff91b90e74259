#ifndef TROUBLE_CHANNEL_H
#define TROUBLE_CHANNEL_H

#include "message.h"

#include <stddef.h>

enum transport { SUPERVISED, PACKETS, STREAM, DATAGRAM };

struct channel {
    int fd;
    int lifeline; /* of a datagram channel: the connection on which it was registered; else -1 */
    enum transport transport;
    size_t have; /* bytes of a stream's message that have come */
    int descriptor; /* what came with them; -1: none */
    union {
        struct header header;
        unsigned char bytes[LONGEST_MESSAGE];
    };
};

/* Opens the channel and registers for the service. Exits the program when there is no supervisor. */
void channel_open(struct channel *channel, enum transport transport, const char *service);

/* The next message, in `bytes`, and its descriptor. 1; 0: none has come yet; -1: the channel has ended. */
int channel_receive(struct channel *channel);

/* Sends a message of one or two pieces, and a copy of a descriptor unless that is -1. Waits for room: the supervisor
 * always reads, as long as few PASSes are unanswered. Ends the program when the channel has ended. */
void channel_send(struct channel *channel, const struct header *header, const void *body, size_t size, int descriptor);

/* Sends bytes that need not be a message. */
void channel_send_bytes(struct channel *channel, const void *bytes, size_t size, int descriptor);

#endif
