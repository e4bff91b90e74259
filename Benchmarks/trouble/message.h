#ifndef TROUBLE_MESSAGE_H
#define TROUBLE_MESSAGE_H

#include <stdint.h>

/* The messages of docs/protocol.md, written from that page alone. */
enum { REGISTER = 1, ACK, DONE, PONG, PASS, CAPACITY, DRAIN, STATUS, NACK };
enum { WELCOME = 16, BATON, PING, DRAIN_HANDLER, REJECT, PASSED };
enum { LONGEST_MESSAGE = 65536, LONGEST_DRAINED = 61440 };

struct header {
    uint32_t length;
    uint16_t type;
    uint16_t flags;
    uint64_t id;
};

struct registration {
    uint16_t version;
    uint16_t traits;
    uint32_t capacity;
};

/* In front of the names and the drained bytes. */
struct baton_body {
    uint64_t connection;
    uint16_t service;
    uint16_t listener;
    uint32_t drained;
};

struct pass_body {
    uint16_t service;
    uint16_t zero;
    uint32_t drained;
};

#endif
