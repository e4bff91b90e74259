/* A connection that Baton has passed, as a stream of words. */
#ifndef STREAM_H
#define STREAM_H

#include "courier.h"

#include <baton_handler.h>

static inline ssize_t stream_read(void *context, void *buffer, size_t size) {
    return baton_read(context, buffer, size);
}

static inline int stream_write(void *context, const void *bytes, size_t size) {
    return baton_write(context, bytes, size);
}

static inline struct courier stream_of(struct baton_connection *connection) {
    return (struct courier){.read = stream_read, .write = stream_write, .context = connection};
}

/* Gives the connection to whoever serves `call`, the head of which has been read: it goes back in front of the stream and
 * travels along as drained bytes. Who cannot be given it is told so in the protocol's own words. */
static inline void stream_pass(
    struct baton_connection *connection, const struct courier_call *call, const char *service,
    const unsigned char head[COURIER_CALL_BYTES]) {
    struct courier stream = stream_of(connection);
    if (baton_unread(connection, head, COURIER_CALL_BYTES) < 0 || baton_pass(connection, service) < 0)
        courier_reject(&stream, call, UNSPECIFIED_ERROR, 0, 0);
}

#endif
