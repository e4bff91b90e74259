/* What waits to be said to the supervisor, and the order in which it is said. */
#include "handler.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void baton_wake(struct baton_handler *handler) {
    if (handler->is_awake)
        return;
    handler->is_awake = 1;
    uint64_t one = 1;
    (void)!write(handler->wake, &one, sizeof one);
}

static enum sending say(struct baton_handler *handler, uint16_t type, uint64_t id, const void *body, size_t size) {
    struct header header = {.length = (uint32_t)(HEADER + size), .type = type, .id = id};
    struct iovec part = {(void *)(uintptr_t)body, size};
    return baton_channel_send(handler->channel, &header, &part, size ? 1 : 0, -1);
}

/* A baton is ours once its ACK is sent, not before. */
static void own_received(struct baton_handler *handler) {
    for (struct entry *entry; (entry = baton_pop(&handler->received));)
        baton_push(&handler->ready, entry);
    handler->received_count = 0;
}

/* A NACK goes out before any ACK of as much or more. */
static enum sending flush_answers(struct baton_handler *handler) {
    struct outbox *outbox = &handler->outbox;
    enum sending result = SENT;
    if (outbox->nack) {
        result = say(handler, NACK, outbox->nack, outbox->nack_reason, strlen(outbox->nack_reason));
        if (result != SENT)
            return result;
        outbox->nack = 0;
    }
    if (outbox->ack) {
        if ((result = say(handler, ACK, outbox->ack, NULL, 0)) != SENT)
            return result;
        outbox->ack = 0;
        own_received(handler);
    }
    if (outbox->pong) {
        if ((result = say(handler, PONG, outbox->pong_id, NULL, 0)) != SENT)
            return result;
        outbox->pong = 0;
    }
    return SENT;
}

static enum sending send_pass(struct baton_handler *handler, const struct entry *entry) {
    const struct baton_connection *connection = &entry->public;
    struct {
        uint16_t service, zero;
        uint32_t drained;
    } fixed = {.service = (uint16_t)strlen(entry->target), .drained = (uint32_t)connection->drained_length};
    unsigned char names[sizeof fixed + LONGEST_NAME];
    memcpy(mempcpy(names, &fixed, sizeof fixed), entry->target, fixed.service);
    struct iovec body[] = {{names, sizeof fixed + fixed.service},
                           {(void *)(uintptr_t)connection->drained, connection->drained_length}};
    struct header header = {
        .length = (uint32_t)(HEADER + body[0].iov_len + body[1].iov_len), .type = PASS, .id = entry->pass_id};
    return baton_channel_send(handler->channel, &header, body, body[1].iov_len ? 2 : 1, connection->fd);
}

static enum sending flush_passes(struct baton_handler *handler) {
    struct queue *passes = &handler->outbox.passes;
    while (passes->first && handler->passing_count < PASSES_AT_ONCE) {
        enum sending result = send_pass(handler, passes->first);
        if (result == SENT) {
            baton_push(&handler->passing, baton_pop(passes));
            handler->passing_count++;
        } else if (result == UNSENDABLE) {
            int error = errno;
            baton_settle(handler, baton_pop(passes), strerror(error), error);
        } else {
            return result;
        }
    }
    return SENT;
}

static enum sending flush_done(struct baton_handler *handler) {
    struct outbox *outbox = &handler->outbox;
    while (outbox->done_count) {
        size_t count = outbox->done_count < IDS_A_MESSAGE ? outbox->done_count : IDS_A_MESSAGE;
        enum sending result = say(handler, DONE, 0, outbox->done, count * sizeof *outbox->done);
        if (result != SENT)
            return result;
        outbox->done_count -= count;
        memmove(outbox->done, outbox->done + count, outbox->done_count * sizeof *outbox->done);
    }
    return SENT;
}

static enum sending flush_notices(struct baton_handler *handler) {
    struct outbox *outbox = &handler->outbox;
    enum sending result = SENT;
    if (outbox->set_capacity) {
        if ((result = say(handler, CAPACITY, 0, &handler->capacity, sizeof handler->capacity)) != SENT)
            return result;
        outbox->set_capacity = 0;
    }
    if (outbox->set_status) {
        if ((result = say(handler, STATUS, 0, handler->status, strlen(handler->status))) != SENT)
            return result;
        outbox->set_status = 0;
    }
    if (outbox->drain) {
        if ((result = say(handler, DRAIN, 0, NULL, 0)) != SENT)
            return result;
        outbox->drain = 0;
    }
    return SENT;
}

enum sending baton_flush(struct baton_handler *handler) {
    enum sending result = flush_answers(handler);
    if (result == SENT)
        result = flush_passes(handler);
    if (result == SENT)
        result = flush_done(handler);
    return result == SENT ? flush_notices(handler) : result;
}
