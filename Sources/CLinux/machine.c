#define _GNU_SOURCE
#include "CLinux.h"
#include "memory_map.h"

#include <fcntl.h>
#include <link.h>
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

static void let_go(uintptr_t begin, uintptr_t end)
{
    madvise((void *)begin, end - begin, MADV_DONTNEED);
}

/* Where writing is allowed, a page that was written to exists nowhere else. The others are present (bit 63), and a
 * file's (bit 61; proc_pid_pagemap(5)). The Swift compiler has even its constants there. */
static void let_unwritten_go(uintptr_t begin, uintptr_t end, uintptr_t page, int pagemap)
{
    const uint64_t unwritten = UINT64_C(1) << 63 | UINT64_C(1) << 61;
    uint64_t state;
    for (; begin < end; begin += page)
        if (pread(pagemap, &state, sizeof state, (off_t)(begin / page * sizeof state)) == sizeof state &&
            (state & unwritten) == unwritten)
            let_go(begin, begin + page);
}

static int let_segments_go(struct dl_phdr_info *object, size_t size, void *pagemap)
{
    (void)size;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD) continue;
        uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        if (segment->p_flags & PF_W)
            let_unwritten_go(begin, end, page, *(int *)pagemap);
        else
            let_go(begin, end);
    }
    return 0;
}

void baton_let_memory_go(void)
{
    malloc_trim(0);
}

static int memory_map = -1;

void baton_open_memory_map(void)
{
    if (memory_map < 0) memory_map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

void baton_let_code_go(void)
{
    baton_open_memory_map();
    dl_iterate_phdr(let_segments_go, &memory_map);
    if (memory_map >= 0) close(memory_map);
    memory_map = -1;
    malloc_trim(0);
}
