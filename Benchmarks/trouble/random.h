#ifndef TROUBLE_RANDOM_H
#define TROUBLE_RANDOM_H

#include <stdint.h>

/* The run's seed: BATON_TROUBLE_SEED. */
extern uint64_t random_seed;

/* Always the same number for the same seed and the same two (splitmix64). */
static inline uint64_t random_of(uint64_t one, uint64_t other)
{
    uint64_t value = random_seed + one * 0x9e3779b97f4a7c15 + other * 0xd1b54a32d192ed03;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

#endif
