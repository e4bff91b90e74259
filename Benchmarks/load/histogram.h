#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

/* Times in nanoseconds, in cells that grow with them: each is known to one part in 128, the longest exactly. */
enum { CELLS_A_DOUBLING = 128, DOUBLINGS = 36 };

struct histogram {
    uint64_t cells[DOUBLINGS][CELLS_A_DOUBLING];
    uint64_t count;
    uint64_t longest;
};

void histogram_add(struct histogram *histogram, uint64_t nanoseconds);

/* The time that `share` (0 to 1) of all stayed below; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
