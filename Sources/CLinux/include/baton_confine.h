#ifndef BATON_CONFINE_H
#define BATON_CONFINE_H

#include <stddef.h>
#include <stdint.h>

/* What a process gives up for good; Confinement in LinuxSystem puts it in order. Children inherit all of it, and exec
 * keeps it, but for `baton_refuse_dumps`. Answers are 0, or -1 and errno. */

/* Groups, and real, effective and saved ids. Who may not change them must have them already. UINT32_MAX keeps the
 * user. Groups are rising. */
int baton_become_identity(uint32_t uid, uint32_t gid, const uint32_t *groups, size_t count);

/* An empty bounding set; needs CAP_SETPCAP. */
int baton_bound_all_capabilities(void);
/* No permitted, effective, inheritable or ambient capability. */
int baton_drop_capabilities(void);

int baton_refuse_privileges(void); /* PR_SET_NO_NEW_PRIVS */

/* PR_SET_DUMPABLE. The files of /proc/self that only their owner reads are root's from then on, so what
 * `baton_let_code_go` needs of them is opened before. Exec makes the program dumpable again. */
int baton_refuse_dumps(void);

int baton_refuse_written_code(void); /* PR_SET_MDWE: Linux 6.3, else EINVAL */

/* landlock(7). ENOSYS or EOPNOTSUPP where the kernel has none, or too old a one. */
int baton_refuse_file_changes(void);    /* to open for writing, make, remove, rename; but for what is open already */
int baton_refuse_tcp_ports(void);       /* to bind them; version 4 */
int baton_refuse_foreign_signals(void); /* to processes that were not confined with this one; version 6 */

/* seccomp(2): only the calls of the list in confine_calls.c. ENOSYS on a machine that has no list. */
int baton_refuse_calls(void);

#endif
