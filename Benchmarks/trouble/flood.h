#ifndef TROUBLE_FLOOD_H
#define TROUBLE_FLOOD_H

#include "channel.h"
#include "connection.h"

/* Supervisors leave a channel unread behind 64 answers: with the handler's other PASSes there are fewer. */
enum { MOST_FLOODING = 24, FLOOD_CLIENTS = 96 };

/* Connections that the handler makes itself and passes on, with all of their request drained: nothing of them lies in
 * the socket, so only the ACK tells who has them. */
struct flood {
    const char *services[2]; /* who gets them in turn */
    int left;                /* to be made yet */
    uint64_t count;          /* of all that were made */
    int listener;            /* for those over TCP; -1 before the first */
    int unanswered;
    struct {
        int fd; /* -1: free */
        char nonce[NONCE + 1];
    } passing[MOST_FLOODING];
    int clients[FLOOD_CLIENTS]; /* the other ends of the latest */
};

/* `start`: a number that no handler of the same pid had. */
void flood_open(struct flood *flood, const char *service, const char *other, uint64_t start);

/* Passes on as many as may be under way. */
void flood_go_on(struct flood *flood, struct channel *channel);

/* Whether a PASS of this number was one of the flood's. */
int flood_has(uint64_t id);

/* PASSED has come. */
void flood_answered(struct flood *flood, const struct header *header);

#endif
