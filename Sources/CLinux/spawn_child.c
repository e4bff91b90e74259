#define _GNU_SOURCE
#include "spawn_child.h"
#include "spawn_steps.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

/* Between clone and exec. The child shares its parent's memory and runs beside it: nothing here may allocate, lock,
 * return, or touch errno. */

/* Of 32-bit machines the plain names are calls with 16-bit ids. */
#ifdef SYS_setresuid32
#define SET_RESUID SYS_setresuid32
#define SET_RESGID SYS_setresgid32
#define SET_GROUPS SYS_setgroups32
#define GET_RESUID SYS_getresuid32
#define GET_RESGID SYS_getresgid32
#define GET_GROUPS SYS_getgroups32
#else
#define SET_RESUID SYS_setresuid
#define SET_RESGID SYS_setresgid
#define SET_GROUPS SYS_setgroups
#define GET_RESUID SYS_getresuid
#define GET_RESGID SYS_getresgid
#define GET_GROUPS SYS_getgroups
#endif

static void enter(const struct child *child, uint32_t stage) { baton_enter_stage(child->report, stage); }

/* `answer` is a negative errno. */
static _Noreturn void fail(const struct child *child, long answer)
{
    __atomic_store_n(&child->report->error, (int32_t)-answer, __ATOMIC_RELEASE);
    for (;;) raw_call1(SYS_exit_group, 127);
}

/* Ends the child unless the step that answered so went well. */
static long check(const struct child *child, long answer)
{
    if (answer < 0) fail(child, answer);
    return answer;
}

static void open_files(const struct child *child)
{
    for (uint32_t i = 0; i < child->plan->descriptor_count; i++) {
        struct baton_spawn_descriptor *wanted = &child->descriptors[i];
        if (wanted->source != BATON_SOURCE_FILE) continue;
        int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
        const char *path = child->bytes + wanted->file;
        wanted->source = (int)check(child, raw_call(SYS_openat, AT_FDCWD, (long)path, flags, 0600, 0));
    }
}

/* Numbers below the count are all targets. A source among them, unless it is in its place already, moves
 * up before the first target is written, so any permutation works. */
static void lay_out_descriptors(const struct child *child)
{
    int count = (int)child->plan->descriptor_count;
    struct baton_spawn_descriptor *wanted = child->descriptors;
    for (int i = 0; i < count; i++) {
        if (wanted[i].source != BATON_SOURCE_NULL) continue;
        wanted[i].source = (int)check(child, raw_call3(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR | O_CLOEXEC));
    }
    for (int i = 0; i < count; i++) {
        if (wanted[i].source == i || wanted[i].source >= count) continue;
        wanted[i].source = (int)check(child, raw_call3(SYS_fcntl, wanted[i].source, F_DUPFD_CLOEXEC, count));
    }
    for (int i = 0; i < count; i++) {
        if (wanted[i].source == i)
            check(child, raw_call3(SYS_fcntl, i, F_SETFD, 0));
        else
            check(child, raw_call3(SYS_dup3, wanted[i].source, i, 0));
    }
    check(child, raw_call3(SYS_close_range, count, ~0u, 0));
}

static void set_limits(const struct child *child)
{
    for (uint32_t i = 0; i < child->plan->limit_count; i++) {
        /* struct rlimit64 of the kernel */
        uint64_t limit[2] = {child->limits[i].soft, child->limits[i].hard};
        check(child, raw_call(SYS_prlimit64, 0, child->limits[i].resource, (long)limit, 0, 0));
    }
}

/* Who may not set the groups may keep them: the list is the same one, in the kernel's order. */
static int has_groups(const struct child *child)
{
    enum { MOST = 1024 };
    gid_t now[MOST] = {0};
    long count = raw_call3(GET_GROUPS, MOST, (long)now, 0);
    if (count < 0 || (uint32_t)count != child->plan->group_count) return 0;
    for (long i = 0; i < count; i++)
        if (now[i] != child->groups[i]) return 0;
    return 1;
}

/* To setresgid and setresuid -1 means "leave as it is", which nobody asks for. */
static void set_groups(const struct child *child)
{
    enter(child, BATON_STAGE_GROUPS);
    long answer = raw_call3(SET_GROUPS, child->plan->group_count, (long)child->groups, 0);
    if (answer < 0 && (answer != -EPERM || !has_groups(child))) fail(child, answer);
    enter(child, BATON_STAGE_GID);
    gid_t gid = child->plan->gid, real = (gid_t)-1, effective = real, saved = real;
    if (gid == (gid_t)-1) fail(child, -EINVAL);
    answer = raw_call3(SET_RESGID, gid, gid, gid);
    if (answer == 0) return;
    check(child, raw_call3(GET_RESGID, (long)&real, (long)&effective, (long)&saved));
    if (real != gid || effective != gid || saved != gid) fail(child, answer);
}

static void set_user(const struct child *child)
{
    enter(child, BATON_STAGE_UID);
    uid_t uid = child->plan->uid, real = (uid_t)-1, effective = real, saved = real;
    if (uid == (uid_t)-1) fail(child, -EINVAL);
    long answer = raw_call3(SET_RESUID, uid, uid, uid);
    if (answer == 0) return;
    check(child, raw_call3(GET_RESUID, (long)&real, (long)&effective, (long)&saved));
    if (real != uid || effective != uid || saved != uid) fail(child, answer);
}

static void write_decimal(char *to, uint32_t number)
{
    char digits[10];
    int count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count > 0) *to++ = digits[--count];
    *to = 0;
}

/* What the kernel gives a process by. */
static void set_schedule(const struct child *child)
{
    const struct baton_spawn_plan *plan = child->plan;
    if (child->cgroup >= 0) {
        enter(child, BATON_STAGE_CGROUP);
        check(child, baton_enter_cgroup(child->cgroup));
    }
    if (plan->flags & BATON_SPAWN_OOM_SCORE_ADJUST) {
        enter(child, BATON_STAGE_OOM_SCORE_ADJUST);
        check(child, baton_set_oom_score_adjust(plan->oom_score_adjust));
    }
    if (plan->flags & BATON_SPAWN_NICE) {
        enter(child, BATON_STAGE_NICE);
        check(child, raw_call3(SYS_setpriority, PRIO_PROCESS, 0, plan->nice));
    }
    if (plan->flags & BATON_SPAWN_CPU_AFFINITY) {
        enter(child, BATON_STAGE_CPU_AFFINITY);
        check(child, baton_set_processors(child->processors, plan->processor_words));
    }
}

static void set_place(const struct child *child)
{
    const struct baton_spawn_plan *plan = child->plan;
    if (plan->flags & BATON_SPAWN_CHROOT) {
        enter(child, BATON_STAGE_CHROOT);
        check(child, raw_call1(SYS_chroot, (long)(child->bytes + plan->chroot)));
    }
    enter(child, BATON_STAGE_DIRECTORY);
    check(child, raw_call1(SYS_chdir, (long)(child->bytes + plan->directory)));
}

static void set_privileges(const struct child *child)
{
    const struct baton_spawn_plan *plan = child->plan;
    if (plan->flags & BATON_SPAWN_CAPABILITIES) {
        enter(child, BATON_STAGE_CAPABILITIES);
        check(child, baton_bound_capabilities(plan->capabilities));
    }
    if (plan->flags & BATON_SPAWN_GROUPS) set_groups(child);
    if (plan->flags & BATON_SPAWN_USER) set_user(child);
    raw_call1(SYS_umask, plan->umask);
    if (plan->flags & BATON_SPAWN_NO_NEW_PRIVILEGES) {
        enter(child, BATON_STAGE_NO_NEW_PRIVILEGES);
        check(child, raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    }
}

int baton_run_child(void *argument)
{
    const struct child *child = argument;
    const struct baton_spawn_plan *plan = child->plan;
    /* Every signal is blocked until the exec: no handler runs in memory that is not ours alone. */
    baton_signals_reset(plan->reset_signals);
    enter(child, BATON_STAGE_SETSID);
    check(child, raw_call1(SYS_setsid, 0));
    set_schedule(child);
    enter(child, BATON_STAGE_STDERR);
    open_files(child);
    enter(child, BATON_STAGE_DESCRIPTORS);
    lay_out_descriptors(child);
    enter(child, BATON_STAGE_RLIMITS);
    set_limits(child);
    set_place(child);
    set_privileges(child);
    if (plan->flags & BATON_SPAWN_LISTEN_PID)
        write_decimal(child->bytes + plan->listen_pid, (uint32_t)raw_call1(SYS_getpid, 0));
    enter(child, BATON_STAGE_EXEC);
    baton_set_signal_mask(0, NULL);
    const char *path = child->bytes + plan->path;
    if (!child->parent_waits)
        fail(child, raw_call3(SYS_execve, (long)path, (long)child->arguments, (long)child->environment));
    /* Where it can be, the C library's, which a debugger or an instruction counter may replace. */
    execve(path, child->arguments, child->environment);
    fail(child, -errno);
}
