#ifndef LIMITS_MESSAGE_H
#define LIMITS_MESSAGE_H

#include <stdint.h>

/* What of docs/protocol.md the worker needs. The limit speaks BATON and ACK, and no more. */
enum { REGISTER = 1, ACK, DONE, PONG };
enum { WELCOME = 16, BATON, PING, DRAIN };
enum { VERSION = 1, SENDS_NO_DONE = 2 };
/* The most batons that stand unacknowledged. */
enum { WINDOW = 64 };

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

#endif
