#ifndef CLINUX_SPAWN_CHILD_H
#define CLINUX_SPAWN_CHILD_H

#include "baton_spawn.h"
#include "raw_call.h"

/* All that a child needs between clone and exec. It lies in the parent's memory, which the child shares, and stays as
 * it is until the child has executed its program or is gone. */
struct child {
    const struct baton_spawn_plan *plan;
    char *bytes, **arguments, **environment;
    struct baton_spawn_descriptor *descriptors;
    const struct baton_spawn_limit *limits;
    const uint32_t *groups, *processors;
    struct baton_spawn_report *report; /* what this process goes by */
    struct baton_spawn_report *shown;  /* what others see; the same, where those are trusted */
    int cgroup; /* the directory of the cgroup that the child has yet to enter, or -1 */
    int parent_waits; /* errno is the child's meanwhile */
};

/* Takes the child, whose signals are all blocked, from clone to its program; its argument is a struct child. */
int baton_run_child(void *child);

void baton_set_signal_mask(uint64_t mask, uint64_t *old);

static inline void baton_enter_stage(const struct child *child, uint32_t stage)
{
    __atomic_store_n(&child->report->stage, stage, __ATOMIC_RELEASE);
    __atomic_store_n(&child->shown->stage, stage, __ATOMIC_RELEASE);
}

#endif
