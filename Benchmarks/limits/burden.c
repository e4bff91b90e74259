/* Memory that a program carries and does not use, for `LD_PRELOAD`: BURDEN_MEGABYTES of it, all touched. What copies
 * page tables, or walks them, shows. */
#define _GNU_SOURCE
#include <err.h>
#include <stdlib.h>
#include <sys/mman.h>

__attribute__((constructor)) static void carry(void)
{
    const char *megabytes = getenv("BURDEN_MEGABYTES");
    size_t size = megabytes ? strtoul(megabytes, NULL, 10) << 20 : 0;
    if (size == 0)
        return;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        err(71, "mmap");
    /* Small pages, as what grew little by little has. */
    madvise(bytes, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += 4096)
        bytes[at] = 1;
}
