#ifndef CLINUX_BATON_SPAWN_H
#define CLINUX_BATON_SPAWN_H

#include <stddef.h>
#include <stdint.h>

/* Everything between clone and exec. Not "spawn.h", which would hide the C library's. */

/* Where a spawn is, or where it failed. LinuxSystem's SpawnStage has the same numbers. */
enum baton_spawn_stage {
    BATON_STAGE_PREPARE = 0, /* before the clone */
    BATON_STAGE_CLONE = 1,
    BATON_STAGE_SETSID = 2,
    BATON_STAGE_CGROUP = 3,
    BATON_STAGE_OOM_SCORE_ADJUST = 4,
    BATON_STAGE_NICE = 5,
    BATON_STAGE_CPU_AFFINITY = 6,
    BATON_STAGE_STDERR = 7,
    BATON_STAGE_DESCRIPTORS = 8,
    BATON_STAGE_RLIMITS = 9,
    BATON_STAGE_CHROOT = 10,
    BATON_STAGE_DIRECTORY = 11,
    BATON_STAGE_CAPABILITIES = 12,
    BATON_STAGE_GROUPS = 13,
    BATON_STAGE_GID = 14,
    BATON_STAGE_UID = 15,
    BATON_STAGE_NO_NEW_PRIVILEGES = 16,
    BATON_STAGE_EXEC = 17,
};

/* Lies in memory that another process may read at any time (baton_report_read). */
struct baton_spawn_report {
    uint64_t job;   /* the caller's number */
    int32_t pid;    /* 0 until the child exists */
    uint32_t stage; /* the step that is under way, or failed */
    int32_t error;  /* errno of the failed step, else 0 */
    /* Not 0 until the child has executed its program or ended. Cleared by the kernel, but not once the process that
     * began it is gone: then nobody knows. */
    int32_t is_under_way;
};

/* What stands in the child's descriptor table at the index of this element. */
struct baton_spawn_descriptor {
    int32_t source; /* an open descriptor, or: */
#define BATON_SOURCE_NULL -1 /* /dev/null, to read and write */
#define BATON_SOURCE_FILE -2 /* opened before chroot, to append; created with 0600; no link followed, nor a hard one */
    uint32_t file;
};

struct baton_spawn_limit {
    int32_t resource;
    uint64_t soft, hard;
};

#define BATON_SPAWN_NICE 1u
#define BATON_SPAWN_GROUPS 2u /* gid and groups are set */
#define BATON_SPAWN_USER 4u   /* uid is set */
#define BATON_SPAWN_CHROOT 8u
#define BATON_SPAWN_LISTEN_PID 16u
#define BATON_SPAWN_SIBLING 32u /* CLONE_PARENT: the caller's parent gets the child */
#define BATON_SPAWN_CGROUP 64u
#define BATON_SPAWN_OOM_SCORE_ADJUST 128u
#define BATON_SPAWN_CPU_AFFINITY 256u
#define BATON_SPAWN_CAPABILITIES 512u
#define BATON_SPAWN_NO_NEW_PRIVILEGES 1024u
#define BATON_SPAWN_KEEPS_SIGNAL_MASK 2048u /* no handler of the caller's can run in the child: see reset_signals */
/* The child begins with its parent's table of descriptors, not with a copy, and leaves it with those below
 * BATON_KEPT_NUMBERS (CLOSE_RANGE_UNSHARE): its sources are among them, and stay there until it has. */
#define BATON_SPAWN_SHARES_DESCRIPTORS 4096u
/* The kernel copies in steps of a word of its bitmap, and no less than this. */
#define BATON_KEPT_NUMBERS 64

/* Strings are given by where they begin in a block of bytes, each with its NUL. */
struct baton_spawn_plan {
    uint64_t job;
    uint64_t reset_signals; /* bit n-1: signal n is not at its default */
    uint32_t flags, uid, gid, umask;
    int32_t nice, oom_score_adjust;
    uint64_t capabilities; /* what stays in the bounding set: bit n is capability n */
    uint32_t path, directory, chroot;
    uint32_t cgroup; /* its directory; made, with those above it, where it is missing */
    uint32_t listen_pid; /* where the child writes its pid: at most 10 digits and NUL */
    uint32_t argument_count, environment_count, descriptor_count, limit_count, group_count;
    uint32_t processor_words; /* of the CPUs' mask, each 32 of them */
};

/* Starts a process and returns when it has executed its program or failed: report says which. A failed
 * child is collected here unless it is a sibling; then report->pid is 0. The caller's thread waits,
 * other threads go on. */
void baton_spawn(const struct baton_spawn_plan *plan, char *bytes,
                 const uint32_t *strings,                    /* where arguments, then environment begin */
                 char **vectors,                             /* room for those and two NULLs */
                 struct baton_spawn_descriptor *descriptors, /* written to */
                 const struct baton_spawn_limit *limits, const uint32_t *groups,
                 const uint32_t *processors, /* the CPUs that the child may run on, lowest first */
                 struct baton_spawn_report *report);

/* The same for who starts many: the child goes its way on a stack of the slot's, beside the caller, who waits for
 * nothing (where raw_call.h does not know the machine: who waits as above). What it is told is copied. The slot may be
 * used again when the child is no longer under way. One that was killed on its way reports another stage than
 * BATON_STAGE_EXEC, and no error. */
struct baton_spawn_slot;
int baton_spawn_runs_beside(void); /* whether the caller does not wait */
/* Whether the kernel does right by BATON_SPAWN_SHARES_DESCRIPTORS: tried in two processes, which takes some 0.2 ms; -1 when
 * there are none to be had. Not where the caller may have less than twice the numbers open. */
int baton_shared_table_can_be_left(void);
struct baton_spawn_slot *baton_spawn_slot_create(void); /* NULL and errno */
/* Strings of the environment behind those of the plan's own, each with its NUL, one behind the other. */
struct baton_spawn_more {
    const char *bytes;
    size_t length;
    uint32_t count;
};
/* The plan counts `more`, and `strings` does not have it; places in `bytes` may lie behind `length`, in what `more` has.
 * `shown` says the same as `report` to others, who may write to it: nothing is ever read from it. */
void baton_spawn_begin(struct baton_spawn_slot *slot, struct baton_spawn_report *report,
                       struct baton_spawn_report *shown, const struct baton_spawn_plan *plan, const char *bytes,
                       size_t length, const uint32_t *strings, const struct baton_spawn_descriptor *descriptors,
                       const struct baton_spawn_limit *limits, const uint32_t *groups, const uint32_t *processors,
                       struct baton_spawn_more more);
/* What the kernel says of the end it says to `report` alone. */
void baton_spawn_show_end(struct baton_spawn_report *shown);
int baton_spawn_is_under_way(const struct baton_spawn_report *report);
/* Waits until it is not, or for so long: less than a second. */
void baton_spawn_wait(const struct baton_spawn_report *report, long nanoseconds);

/* A copy of `shared` that belongs to one job, as far as it is written. */
struct baton_spawn_report baton_report_read(const struct baton_spawn_report *shared);

/* Signals whose disposition is not the default, as a mask like reset_signals. */
uint64_t baton_signals_not_default(void);
void baton_signals_reset(uint64_t signals);
/* Blocks every signal that can be blocked. */
void baton_signals_block(void);

/* A page that processes share, as a descriptor (memfd, close-on-exec, sealed against a change of size). */
int baton_report_create(size_t count);
/* A descriptor of -1: a fresh page for the caller and its children. */
int baton_report_map(int descriptor, size_t count, struct baton_spawn_report **page);
void baton_report_unmap(struct baton_spawn_report *page, size_t count);

/* Both let a child of ours do closes that may wait, and answer its pid, or -1 and errno: then the
 * descriptors are still the caller's. */

/* For sockets. The child, or the caller's sibling, holds copies until the caller has closed the numbers, and
 * ends: a socket closed by exit(2) lingers in the background (socket(7)), so nobody waits at all. It ends when
 * `gate`, if that is not -1, reads as ended too: when whoever else is about to close copies has done so. */
int32_t baton_close_by_exit(const int *sockets, size_t count, int gate, int as_sibling);
/* For files, each close of which may ask their file system. The child shares the table of descriptors and
 * closes the numbers, which are now its own; the caller must not use them again. */
int32_t baton_close_in_child(const int *files, size_t count);

/* Lets a child of ours read on where others write, and forget it, until nobody can write there any more: so nobody is killed
 * by SIGPIPE when we are gone. It has nothing else of ours. `ends` ascend. Answers its pid, or -1 and errno. */
int32_t baton_read_on(const int *ends, size_t count);

/* The calling thread's name, cut to 15 bytes (PR_SET_NAME). */
void baton_set_name(const char *name);

#endif
