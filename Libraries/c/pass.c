/* Passing a connection on. Until its outcome is known, the library has it. */
#include "handler.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(struct entry *entry, int error, const char *why) {
    entry->public.refusal = why;
    errno = error;
    return -1;
}

/* Under lock. Whether the supervisor at the channel still counts the connection as ours. */
static int is_counted(const struct baton_handler *handler, const struct entry *entry) {
    return handler->is_open && entry->channel == handler->channels && !(handler->traits & BATON_SENDS_NO_DONE);
}

static int begin(struct entry *entry, const char *service, int is_awaited) {
    struct baton_connection *connection = &entry->public;
    struct baton_handler *handler = connection->handler;
    connection->outcome = BATON_NOT_PASSED;
    free(entry->refusal);
    entry->refusal = NULL;
    if (connection->fd < 0)
        return fail(entry, EBADF, "there is no descriptor to pass");
    if (service && strlen(service) > LONGEST_NAME)
        return fail(entry, EINVAL, "the service's name is too long");
    if (connection->drained_length > LONGEST_DRAINED)
        return fail(entry, EMSGSIZE, "too many bytes have been drained");
    char *target = strdup(service ? service : "");
    if (!target)
        return fail(entry, ENOMEM, "out of memory");
    connection->refusal = NULL;
    int error = 0;
    pthread_mutex_lock(&handler->lock);
    if (entry->is_passing)
        error = EALREADY;
    else if (!handler->is_open)
        error = ENOTCONN;
    else if (!is_counted(handler, entry) && connection->proxy_header_length > 0)
        error = ENOTSUP;
    if (!error) {
        entry->pass_id = is_counted(handler, entry) ? entry->id : ELSEWHERE | ++handler->own_ids;
        entry->target = target;
        entry->is_passing = 1;
        entry->is_awaited = is_awaited;
        baton_push(&handler->outbox.passes, entry);
        baton_wake(handler);
    }
    pthread_mutex_unlock(&handler->lock);
    if (!error)
        return 0;
    free(target);
    return fail(entry, error,
                error == ENOTCONN  ? "the supervisor is not there"
                : error == ENOTSUP ? "its original addresses are known to a supervisor that is gone"
                                   : "it is being passed");
}

void baton_settle(struct baton_handler *handler, struct entry *entry, const char *refusal, int error) {
    struct baton_connection *connection = &entry->public;
    entry->is_passing = 0;
    free(entry->target);
    entry->target = NULL;
    if (!refusal) {
        close(connection->fd); /* no shutdown: the stream goes on elsewhere */
        connection->fd = -1;
        connection->outcome = BATON_TAKEN;
        if (handler->is_open && entry->channel == handler->channels)
            handler->held_here--;
        entry->channel = 0;
    } else {
        connection->outcome = BATON_REFUSED;
        entry->error = error;
        entry->refusal = strdup(refusal);
        connection->refusal = entry->refusal ? entry->refusal : "refused";
    }
    if (entry->is_given_up)
        baton_retire(handler, entry);
    else if (entry->is_awaited)
        pthread_cond_broadcast(&handler->settled);
    else
        baton_push(&handler->ready, entry);
}

int baton_pass_begin(struct baton_connection *connection, const char *service) {
    if (connection->handler->is_served)
        return fail((struct entry *)connection, ENOTSUP, "baton_serve has no use for the outcome: call baton_pass");
    return begin((struct entry *)connection, service, 0);
}

/* The reader itself waits: nobody else would read the answer. */
static void read_outcome(struct baton_handler *handler, const struct entry *entry) {
    for (;;) {
        baton_exchange(handler, 1);
        pthread_mutex_lock(&handler->lock);
        int is_passing = entry->is_passing;
        /* What has come meanwhile does not make the descriptor readable by itself. */
        if (!is_passing && handler->ready.first)
            baton_wake(handler);
        pthread_mutex_unlock(&handler->lock);
        if (!is_passing)
            return;
        poll(&(struct pollfd){.fd = handler->epoll, .events = POLLIN}, 1, -1);
    }
}

int baton_pass(struct baton_connection *connection, const char *service) {
    struct entry *entry = (struct entry *)connection;
    struct baton_handler *handler = connection->handler;
    if (begin(entry, service, 1) != 0)
        return -1;
    pthread_mutex_lock(&handler->lock);
    int is_reader = pthread_equal(handler->reader, pthread_self());
    while (!is_reader && entry->is_passing)
        pthread_cond_wait(&handler->settled, &handler->lock);
    pthread_mutex_unlock(&handler->lock);
    if (is_reader)
        read_outcome(handler, entry);
    if (connection->outcome == BATON_TAKEN)
        return 0;
    errno = entry->error;
    return -1;
}

struct baton_connection *baton_adopt(struct baton_handler *handler, int fd) {
    struct entry *entry = malloc(sizeof *entry + 1);
    if (!entry)
        return NULL;
    *entry = (struct entry){.public = {.fd = fd, .service = "", .listener = "", .handler = handler}};
    entry->public.drained = entry->public.proxy_header = entry->storage;
    pthread_mutex_lock(&handler->lock);
    handler->held++;
    pthread_mutex_unlock(&handler->lock);
    return &entry->public;
}
