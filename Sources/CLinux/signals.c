#define _GNU_SOURCE
#include "baton_spawn.h"
#include "spawn_child.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>

/* The kernel's signal set. glibc's calls leave out the two signals it keeps for itself. */
void baton_set_signal_mask(uint64_t mask, uint64_t *old)
{
    raw_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)old, sizeof mask, 0);
}

/* Begins with the handler wherever Linux runs Swift, and zeros are SIG_DFL; the layout behind it varies. */
union disposition {
    void *handler;
    char bytes[64];
};

uint64_t baton_signals_not_default(void)
{
    uint64_t found = 0;
    for (int signal = 1; signal <= 64; signal++) {
        union disposition now = {.bytes = {0}};
        long answer = raw_call(SYS_rt_sigaction, signal, 0, (long)&now, sizeof(uint64_t), 0);
        if (answer == 0 && now.handler != NULL) found |= UINT64_C(1) << (signal - 1);
    }
    return found;
}

void baton_signals_reset(uint64_t signals)
{
    const union disposition standard = {.bytes = {0}};
    for (int signal = 1; signals != 0; signal++, signals >>= 1)
        if (signals & 1) raw_call(SYS_rt_sigaction, signal, (long)&standard, 0, sizeof(uint64_t), 0);
}

void baton_signals_block(void) { baton_set_signal_mask(~UINT64_C(0), NULL); }

void baton_set_name(const char *name) { prctl(PR_SET_NAME, name); }
