#ifndef LOAD_TALLY_H
#define LOAD_TALLY_H

#include "histogram.h"

#include <stdint.h>

/* What became of every connection that was begun. */
struct tally {
    uint64_t begun;
    uint64_t answered;  /* the whole right answer, and the end of the stream behind it */
    uint64_t in_time;   /* of these, before the run's end */
    uint64_t refused;   /* not connected, or closed before the question */
    uint64_t reset;     /* broken before the whole answer */
    uint64_t short_;    /* an end before the whole answer */
    uint64_t wrong;     /* an answer that belongs to another question, or more than it */
    uint64_t timed_out; /* not over in time */
    struct histogram latency; /* of those answered: from connect(2) to the last byte of the answer */
};

#endif
