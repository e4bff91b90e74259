#define _GNU_SOURCE
#include "baton_confine.h"
#include "memory_map.h"
#include "spawn_steps.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* A step's answer as a system call's. */
static int result(long answer)
{
    if (answer >= 0) return 0;
    errno = (int)-answer;
    return -1;
}

int baton_become_identity(uint32_t uid, uint32_t gid, const uint32_t *groups, size_t count)
{
    long answer = baton_set_groups(groups, (uint32_t)count, gid);
    if (answer >= 0) answer = baton_set_group(gid);
    if (answer >= 0 && uid != UINT32_MAX) answer = baton_set_user(uid);
    return result(answer);
}

int baton_bound_all_capabilities(void) { return result(baton_bound_capabilities(0)); }

int baton_drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return (int)syscall(SYS_capset, &header, none);
}

int baton_refuse_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int baton_refuse_dumps(void)
{
    baton_open_memory_map();
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int baton_refuse_written_code(void) { return prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); }
