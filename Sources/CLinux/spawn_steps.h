#ifndef CLINUX_SPAWN_STEPS_H
#define CLINUX_SPAWN_STEPS_H

#include <stddef.h>
#include <stdint.h>

/* Steps between clone and exec, and what prepares them. A step answers a negative errno when it fails, and leaves
 * errno alone; what the parent does answers -1 and sets it. */

/* Opens the directory of a cgroup (v2), close-on-exec. Where it is missing it is made, and so are those above
 * it; one that somebody else makes meanwhile will do. Changes `path` and puts it back. */
int baton_open_cgroup(char *path);

/* Moves the calling process into the cgroup. */
long baton_enter_cgroup(int cgroup);

/* clone(2) into a cgroup (CLONE_INTO_CGROUP, Linux 5.7), so that the child was never anywhere else. ENOSYS where
 * this machine's code does not know how. The child must not return from `run`. */
int baton_clone_into(int cgroup, int (*run)(void *), void *stack, size_t stack_size, int flags, void *argument,
                     int *parent_tid, int *child_tid);

long baton_set_oom_score_adjust(int value);

/* The CPUs that the process may run on, 32 a word, lowest first. Some of them must exist. */
long baton_set_processors(const uint32_t *words, uint32_t count);

/* Takes all capabilities but `kept` from the bounding set, and from what exec would keep or restore: the
 * inheritable and the ambient set. Permitted and effective ones stay for the steps to come; exec takes them. */
long baton_bound_capabilities(uint64_t kept);

/* The supplementary groups, all of them. Who may not set them may keep them; `gid`, which is to be the group, may be among
 * them or not. */
long baton_set_groups(const uint32_t *groups, uint32_t count, uint32_t gid);

/* Real, effective and saved id. Who may not change them may ask for what they are. */
long baton_set_group(uint32_t gid);
long baton_set_user(uint32_t uid);

#endif
