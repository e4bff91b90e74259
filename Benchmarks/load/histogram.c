#include "histogram.h"

/* Row 0 holds 0 to 127 as they are; row n the 128 cells from 2^(n+6) to 2^(n+7). */
static int row_of(uint64_t value)
{
    if (value < CELLS_A_DOUBLING)
        return 0;
    int row = 63 - __builtin_clzll(value) - 6;
    return row < DOUBLINGS ? row : DOUBLINGS - 1;
}

static uint64_t *cell_of(struct histogram *histogram, uint64_t value)
{
    int row = row_of(value);
    uint64_t cell = row == 0 ? value : (value >> (row - 1)) - CELLS_A_DOUBLING;
    return &histogram->cells[row][cell < CELLS_A_DOUBLING ? cell : CELLS_A_DOUBLING - 1];
}

/* The upper end of a cell. */
static uint64_t end_of(int row, uint64_t cell)
{
    return row == 0 ? cell : ((cell + CELLS_A_DOUBLING + 1) << (row - 1)) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
    (*cell_of(histogram, nanoseconds))++;
    histogram->count++;
    if (nanoseconds > histogram->longest)
        histogram->longest = nanoseconds;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count), seen = 0;
    for (int row = 0; row < DOUBLINGS; row++) {
        for (uint64_t cell = 0; cell < CELLS_A_DOUBLING; cell++) {
            seen += histogram->cells[row][cell];
            if (seen > wanted) {
                uint64_t end = end_of(row, cell);
                return end < histogram->longest ? end : histogram->longest;
            }
        }
    }
    return histogram->longest;
}
