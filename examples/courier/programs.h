/* The Courier programs of the example, and the services that serve them. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include "courier.h"

struct program {
    uint32_t number;
    uint16_t version;
    const char *service; /* its name in the service table */
};

static const struct program programs[] = {
    {2, 3, "clearinghouse"},
    {15, 2, "time"},
};

/* The program of a call; NULL and the reason, with the versions that there are, when nobody serves it. */
static inline const struct program *program_of(
    const struct courier_call *call, enum courier_rejection *why, uint16_t *version) {
    *why = NO_SUCH_PROGRAM;
    *version = 0;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (programs[i].number != call->program)
            continue;
        if (programs[i].version == call->version)
            return &programs[i];
        *why = NO_SUCH_VERSION;
        *version = programs[i].version;
    }
    return NULL;
}

/* Each program file defines these two: which it is, and how it answers a call whose head has been read. */
extern const uint32_t program_number;
int program_answer(struct courier *stream, const struct courier_call *call); /* 0, or -1: end the stream */

#endif
