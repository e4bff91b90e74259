/* The smallest inetd program: reads a question of 32 bytes on descriptor 0, answers it twice, and is gone. Without a C
 * library where it knows the machine's system calls, so that a process costs what the kernel asks for one. */
#include <stddef.h>

enum { QUESTION = 32 };

#if defined(__x86_64__)

static long call(long number, long first, long second, long third)
{
    __asm__ volatile("syscall" : "+a"(number) : "D"(first), "S"(second), "d"(third) : "rcx", "r11", "memory");
    return number;
}

static long receive(char *bytes, size_t size) { return call(0, 0, (long)bytes, (long)size); }
static long answer(const char *bytes, size_t size) { return call(1, 1, (long)bytes, (long)size); }
static void leave(void) { call(231, 0, 0, 0); }

#elif defined(__aarch64__)

static long call(long number, long first, long second, long third)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}

static long receive(char *bytes, size_t size) { return call(63, 0, (long)bytes, (long)size); }
static long answer(const char *bytes, size_t size) { return call(64, 1, (long)bytes, (long)size); }
static void leave(void) { call(94, 0, 0, 0); }

#else
#include <unistd.h>

static long receive(char *bytes, size_t size) { return read(0, bytes, size); }
static long answer(const char *bytes, size_t size) { return write(1, bytes, size); }
static void leave(void) { _exit(0); }
#define _start main
#endif

int _start(void)
{
    char text[2 * QUESTION];
    __asm__ volatile("" : "=m"(text)); /* written by calls that the compiler does not know */
    size_t count = 0;
    while (count < QUESTION) {
        long got = receive(text + count, QUESTION - count);
        if (got <= 0)
            leave();
        count += (size_t)got;
    }
    /* volatile: else this becomes a call of memcpy, which is the C library's. */
    for (volatile size_t index = 0; index < QUESTION; index++)
        text[QUESTION + index] = text[index];
    answer(text, sizeof text);
    leave();
    return 0;
}
