#include "courier.h"

#include <string.h>

uint16_t courier_word(const unsigned char *bytes) { return (uint16_t)(bytes[0] << 8 | bytes[1]); }

void courier_put(unsigned char *bytes, uint16_t word) {
    bytes[0] = (unsigned char)(word >> 8);
    bytes[1] = (unsigned char)word;
}

/* 1; 0 when the stream ends before the first byte; -1. */
static int read_whole(struct courier *stream, void *buffer, size_t size) {
    unsigned char *bytes = buffer;
    for (size_t count = 0; count < size;) {
        ssize_t got = stream->read(stream->context, bytes + count, size - count);
        if (got <= 0)
            return got == 0 && count == 0 ? 0 : -1;
        count += (size_t)got;
    }
    return 1;
}

int courier_greet(struct courier *stream) {
    unsigned char range[4];
    courier_put(range, COURIER_VERSION);
    courier_put(range + 2, COURIER_VERSION);
    if (stream->write(stream->context, range, sizeof range) < 0 || read_whole(stream, range, sizeof range) != 1)
        return -1;
    return courier_word(range) <= COURIER_VERSION && COURIER_VERSION <= courier_word(range + 2) ? 0 : -1;
}

int courier_next(struct courier *stream, struct courier_call *call, unsigned char head[COURIER_CALL_BYTES]) {
    int outcome = read_whole(stream, head, COURIER_CALL_BYTES);
    if (outcome != 1)
        return outcome;
    if (courier_word(head) != COURIER_CALL)
        return -1;
    call->transaction = courier_word(head + 2);
    call->program = (uint32_t)courier_word(head + 4) << 16 | courier_word(head + 6);
    call->version = courier_word(head + 8);
    call->procedure = courier_word(head + 10);
    return 1;
}

int courier_string(struct courier *stream, char string[COURIER_LONGEST_STRING + 1]) {
    unsigned char length[2], padding;
    if (read_whole(stream, length, sizeof length) != 1)
        return -1;
    size_t size = courier_word(length);
    if (size > COURIER_LONGEST_STRING || (size > 0 && read_whole(stream, string, size) != 1))
        return -1;
    string[size] = '\0';
    return size % 2 == 0 || read_whole(stream, &padding, 1) == 1 ? 0 : -1;
}

static int answer(
    struct courier *stream, uint16_t type, const struct courier_call *call, const void *body, size_t size) {
    unsigned char message[4 + 2 + COURIER_LONGEST_STRING + 1];
    if (size > sizeof message - 4)
        return -1;
    courier_put(message, type);
    courier_put(message + 2, call->transaction);
    if (size > 0)
        memcpy(message + 4, body, size);
    return stream->write(stream->context, message, 4 + size);
}

int courier_return(struct courier *stream, const struct courier_call *call, const void *results, size_t size) {
    return answer(stream, COURIER_RETURN, call, results, size);
}

int courier_reject(
    struct courier *stream, const struct courier_call *call, enum courier_rejection why, uint16_t lowest,
    uint16_t highest) {
    unsigned char body[6];
    courier_put(body, (uint16_t)why);
    courier_put(body + 2, lowest);
    courier_put(body + 4, highest);
    return answer(stream, COURIER_REJECT, call, body, why == NO_SUCH_VERSION ? 6 : 2);
}
