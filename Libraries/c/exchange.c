/* The reader's turn: what waits is written, what is there is read. */
#include "handler.h"

#include <sys/epoll.h>
#include <unistd.h>

/* Answers whether the timer has gone off. */
static int calm(struct baton_handler *handler) {
    uint64_t value;
    pthread_mutex_lock(&handler->lock);
    if (handler->is_awake)
        (void)!read(handler->wake, &value, sizeof value);
    handler->is_awake = 0;
    pthread_mutex_unlock(&handler->lock);
    return read(handler->timer, &value, sizeof value) == sizeof value;
}

/* Under lock. */
static int is_drained(const struct baton_handler *handler) {
    if (handler->passing.first || handler->outbox.passes.first)
        return 0;
    return handler->is_draining ? handler->held == 0 : handler->is_leaving && handler->held_here == 0;
}

/* A batch of batons has one ACK; a NACK or PONG goes out before anything else is read. */
static int receive_batch(struct baton_handler *handler) {
    int more;
    do
        more = baton_receive(handler);
    while (more > 0 && handler->received_count < BATCH && !handler->outbox.nack && !handler->outbox.pong &&
           !(handler->traits & BATON_SERVES_ON_CHANNEL_THREAD && handler->received_count));
    return more;
}

/* 1: all is out. Nothing is read while an answer waits for room in the channel, so a supervisor that does
 * not read cannot make the outbox grow. */
static int goes_on(struct baton_handler *handler, enum sending flushed) {
    switch (flushed) {
    case SENT:
        baton_watch(handler, EPOLLIN);
        return 1;
    case FULL:
        baton_watch(handler, EPOLLOUT);
        return 0;
    case SHORT:
        baton_watch(handler, 0); /* it is writable, so it would be reported again and again */
        baton_set_timer(handler, RETRY_SEND);
        return 0;
    default:
        /* Broken for writing; what the supervisor said last (REJECT) may still be there to read. */
        while (baton_receive(handler) > 0)
            ;
        baton_leave(handler, "the supervisor is gone");
        return 0;
    }
}

void baton_exchange(struct baton_handler *handler, int reads_on) {
    int is_due = calm(handler);
    if (handler->channel < 0 && !handler->over)
        baton_retry(handler, is_due);
    for (int more = 1; handler->channel >= 0 && more >= 0;) {
        pthread_mutex_lock(&handler->lock);
        enum sending flushed = baton_flush(handler);
        int drained = flushed == SENT && !more && is_drained(handler);
        pthread_mutex_unlock(&handler->lock);
        if (!goes_on(handler, flushed))
            return;
        if (drained)
            return baton_leave(handler, NULL);
        if (!more || (handler->ready.first && !reads_on))
            return;
        more = receive_batch(handler);
    }
}
