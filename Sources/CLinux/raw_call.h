#ifndef CLINUX_RAW_CALL_H
#define CLINUX_RAW_CALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A system call that answers -errno, and leaves errno alone: a child that runs beside its parent in the parent's
 * memory has the parent's errno. */
#if defined(__x86_64__)
#define BATON_HAS_RAW_CALLS 1
static inline long raw_call(long number, long a, long b, long c, long d, long e)
{
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    long answer;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory", "cc");
    return answer;
}
#elif defined(__aarch64__)
#define BATON_HAS_RAW_CALLS 1
static inline long raw_call(long number, long a, long b, long c, long d, long e)
{
    register long call __asm__("x8") = number;
    register long first __asm__("x0") = a;
    register long second __asm__("x1") = b;
    register long third __asm__("x2") = c;
    register long fourth __asm__("x3") = d;
    register long fifth __asm__("x4") = e;
    __asm__ volatile("svc 0"
                     : "+r"(first)
                     : "r"(call), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
                     : "memory", "cc");
    return first;
}
#else
/* Elsewhere the parent waits while its child is on its way (spawn.c). */
#define BATON_HAS_RAW_CALLS 0
static inline long raw_call(long number, long a, long b, long c, long d, long e)
{
    long answer = syscall(number, a, b, c, d, e);
    return answer < 0 ? -errno : answer;
}
#endif

static inline long raw_call3(long number, long a, long b, long c) { return raw_call(number, a, b, c, 0, 0); }
static inline long raw_call1(long number, long a) { return raw_call(number, a, 0, 0, 0, 0); }

#endif
