#define _GNU_SOURCE
#include "CLinux.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

long baton_load_average(void)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return 0;
    return (long)(info.loads[0] * 100 >> SI_LOAD_SHIFT);
}

/* Set by the linker: where the file's code is mapped. */
extern const char __executable_start[], etext[];

void baton_let_memory_go(void)
{
    malloc_trim(0);
}

void baton_let_code_go(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)__executable_start & ~(page - 1);
    uintptr_t end = ((uintptr_t)etext + page - 1) & ~(page - 1);
    /* Nothing in it was written to (no text relocations): what is needed again is mapped again from the page cache. */
    madvise((void *)begin, end - begin, MADV_DONTNEED);
}
