#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/sysinfo.h>

long baton_load_average(void)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return 0;
    return (long)(info.loads[0] * 100 >> SI_LOAD_SHIFT);
}
