/* Courier (Xerox, XSIS 038112) over a TCP stream, as much of it as the example needs: protocol version 3, calls and their answers. Words
 * have 16 bits and go over the wire big-endian. */
#ifndef COURIER_H
#define COURIER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { COURIER_VERSION = 3, COURIER_CALL = 0, COURIER_REJECT = 1, COURIER_RETURN = 2, COURIER_ABORT = 3 };

enum courier_rejection {
    NO_SUCH_PROGRAM = 0,
    NO_SUCH_VERSION = 1,
    NO_SUCH_PROCEDURE = 2,
    INVALID_ARGUMENTS = 3,
    UNSPECIFIED_ERROR = 0xffff
};

/* What a CALL begins with. */
struct courier_call {
    uint16_t transaction;
    uint32_t program;
    uint16_t version;
    uint16_t procedure;
};

enum { COURIER_CALL_BYTES = 12, COURIER_LONGEST_STRING = 255 };

/* A stream of words. Where the bytes come from, and go to, is the program's: a connection that Baton has passed, or a
 * descriptor. Both answer as read(2) and as write(2) of everything do. */
struct courier {
    ssize_t (*read)(void *context, void *buffer, size_t size);
    int (*write)(void *context, const void *bytes, size_t size);
    void *context;
};

/* Says our range of protocol versions and reads the peer's: 0 when it has ours, else -1. */
int courier_greet(struct courier *stream);

/* Reads the head of the next call. `head` gets its bytes as they came. 1; 0 at the end of the stream; -1. */
int courier_next(struct courier *stream, struct courier_call *call, unsigned char head[COURIER_CALL_BYTES]);

/* Reads a STRING, its length and its bytes, padded to a whole word; a closing NUL is added. 0, or -1. */
int courier_string(struct courier *stream, char string[COURIER_LONGEST_STRING + 1]);

/* Answers a call: RETURN with results, or REJECT. 0, or -1. */
int courier_return(struct courier *stream, const struct courier_call *call, const void *results, size_t size);
int courier_reject(
    struct courier *stream, const struct courier_call *call, enum courier_rejection why, uint16_t lowest, uint16_t highest);

uint16_t courier_word(const unsigned char *bytes);
void courier_put(unsigned char *bytes, uint16_t word);

#endif
