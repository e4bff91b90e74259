#define _GNU_SOURCE
#include "spawn_child.h"
#include "spawn_steps.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Between clone and exec. The child shares its parent's memory and runs beside it: nothing here may allocate, lock,
 * return, or touch errno. */

static void enter(const struct child *child, uint32_t stage) { baton_enter_stage(child, stage); }

/* `answer` is a negative errno. */
static _Noreturn void fail(const struct child *child, long answer)
{
    __atomic_store_n(&child->report->error, (int32_t)-answer, __ATOMIC_RELEASE);
    __atomic_store_n(&child->shown->error, (int32_t)-answer, __ATOMIC_RELEASE);
    for (;;) raw_call1(SYS_exit_group, 127);
}

/* Ends the child unless the step that answered so went well. */
static long check(const struct child *child, long answer)
{
    if (answer < 0) fail(child, answer);
    return answer;
}

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif

/* Opened with the rights of the supervisor, for whoever may write to the directory as well: not through a link of either
 * kind to what is not his. */
static long open_to_append(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
    long file = raw_call(SYS_openat, AT_FDCWD, (long)path, flags, 0600, 0);
    if (file < 0) return file;
    struct statx status = {0};
    long answer = raw_call(SYS_statx, file, (long)"", AT_EMPTY_PATH, STATX_TYPE | STATX_NLINK, (long)&status);
    if (answer < 0) return answer;
    return S_ISREG(status.stx_mode) && status.stx_nlink != 1 ? -EMLINK : file;
}

static void open_files(const struct child *child)
{
    for (uint32_t i = 0; i < child->plan->descriptor_count; i++) {
        struct baton_spawn_descriptor *wanted = &child->descriptors[i];
        if (wanted->source != BATON_SOURCE_FILE) continue;
        wanted->source = (int)check(child, open_to_append(child->bytes + wanted->file));
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

/* First of all, and before it is slowed down: until then it is the parent's table, and then a copy of its low numbers. What it
 * costs does not grow with what the parent has open, and what the parent closes is closed. */
static void leave_shared_table(const struct child *child)
{
    enter(child, BATON_STAGE_DESCRIPTORS);
    check(child, raw_call3(SYS_close_range, BATON_KEPT_NUMBERS, ~0u, CLOSE_RANGE_UNSHARE));
    lay_out_descriptors(child);
}

static void set_limits(const struct child *child)
{
    for (uint32_t i = 0; i < child->plan->limit_count; i++) {
        /* struct rlimit64 of the kernel */
        uint64_t limit[2] = {child->limits[i].soft, child->limits[i].hard};
        check(child, raw_call(SYS_prlimit64, 0, child->limits[i].resource, (long)limit, 0, 0));
    }
}

static void set_groups(const struct child *child)
{
    enter(child, BATON_STAGE_GROUPS);
    check(child, baton_set_groups(child->groups, child->plan->group_count, child->plan->gid));
    enter(child, BATON_STAGE_GID);
    check(child, baton_set_group(child->plan->gid));
}

static void set_user(const struct child *child)
{
    enter(child, BATON_STAGE_UID);
    check(child, baton_set_user(child->plan->uid));
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
    /* The kernel has written it before the child runs (CLONE_PARENT_SETTID). */
    __atomic_store_n(&child->shown->pid, child->report->pid, __ATOMIC_RELEASE);
    int shares_descriptors = (plan->flags & BATON_SPAWN_SHARES_DESCRIPTORS) != 0;
    if (shares_descriptors) leave_shared_table(child);
    /* No handler runs in memory that is not ours alone: until the exec every signal is blocked, or the parent has none. */
    baton_signals_reset(plan->reset_signals);
    enter(child, BATON_STAGE_SETSID);
    check(child, raw_call1(SYS_setsid, 0));
    set_schedule(child);
    if (!shares_descriptors) {
        enter(child, BATON_STAGE_STDERR);
        open_files(child);
        enter(child, BATON_STAGE_DESCRIPTORS);
        lay_out_descriptors(child);
    }
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
