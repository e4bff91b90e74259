#ifndef CALLS_H
#define CALLS_H

/* Each prints a line a call or family of calls: its name, and `ok` or the errno that it failed with. */

/* Calls that a worker must not make, with arguments that do nothing anywhere: a kernel that lets them in finds fault
 * with them, or has nothing to do. */
void try_refused(void);

/* What a worker does, done. `again`: this program, to be executed once more. */
void try_needed(const char *again);

/* What would change files in the working directory, where `file` is one. */
void try_changes(void);

/* Signals and ports. */
void try_others(void);

void print_result(const char *name, int error);

#endif
