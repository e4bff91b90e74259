#ifndef SYSTEM_CALL_FAULTS_H
#define SYSTEM_CALL_FAULTS_H

#include <stddef.h>
#include <stdint.h>

/* System calls that fail because the test says so, by seccomp(2): the kernel itself answers, so that raw calls and those
 * between clone and exec are no exception, and the program under test is the one that is shipped.
 *
 * Answers are -1 and errno on failure. */

/* -1 where this machine has no such call. */
int faults_number(const char *name);

/* From now on a call of this number fails, in the calling thread and what it starts. There is no way back. */
int faults_fail(int number, int error);

/* From now on each call of one of these numbers, in the calling thread and what it becomes or starts, waits until it is
 * answered at the descriptor that this answers. Only sendmsg on `reserved` goes through: it is how that one leaves. */
int faults_watch(const int *numbers, size_t count, int reserved);

struct faults_call {
    uint64_t id;
    int32_t thread;
    int32_t number;
    uint64_t arguments[6];
};

/* The next call that waits; its caller may be gone meanwhile (ENOENT). */
int faults_next(int listener, struct faults_call *call);

/* 0 lets the call go its way; an errno makes it fail without having done anything. */
int faults_answer(int listener, uint64_t id, int error);

/* Passes a descriptor with one byte. */
int faults_pass(int socket, int descriptor);

#endif
