/* From one channel to the next: registering, leaving, and how long to wait in between. */
#include "handler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_DELAY = 100, LONGEST_DELAY = 30000 };

void baton_watch(struct baton_handler *handler, uint32_t interest) {
    if (handler->channel < 0 || handler->watched == interest)
        return;
    struct epoll_event event = {.events = interest};
    epoll_ctl(handler->epoll, EPOLL_CTL_MOD, handler->channel, &event);
    handler->watched = interest;
}

void baton_set_timer(struct baton_handler *handler, unsigned milliseconds) {
    struct itimerspec in = {
        .it_value = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L}};
    timerfd_settime(handler->timer, 0, &in, NULL);
}

/* Takes over `channel`, also when it fails: -1 and errno. */
int baton_register(struct baton_handler *handler, int channel) {
    if (channel < 0)
        return -1;
    pthread_mutex_lock(&handler->lock);
    struct {
        uint16_t version, traits;
        uint32_t capacity;
    } fixed = {.version = VERSION, .traits = handler->traits, .capacity = handler->capacity};
    pthread_mutex_unlock(&handler->lock);
    struct iovec body[] = {{&fixed, sizeof fixed}, {handler->service, strlen(handler->service)}};
    struct header header = {.length = (uint32_t)(HEADER + sizeof fixed + body[1].iov_len), .type = REGISTER};
    struct epoll_event readable = {.events = EPOLLIN};
    if (baton_channel_send(channel, &header, body, 2, -1) != SENT ||
        epoll_ctl(handler->epoll, EPOLL_CTL_ADD, channel, &readable) != 0) {
        int error = errno;
        close(channel);
        errno = error;
        return -1;
    }
    handler->channel = channel;
    handler->watched = readable.events;
    handler->error[0] = 0;
    pthread_mutex_lock(&handler->lock);
    handler->is_open = 1;
    handler->is_leaving = 0;
    handler->channels++;
    handler->outbox.set_status = handler->status != NULL;
    pthread_mutex_unlock(&handler->lock);
    return 0;
}

/* A quarter more or less, so that the handlers of one supervisor do not all come back in the same moment. */
static unsigned delay(unsigned attempts) {
    unsigned base = FIRST_DELAY, random = 0;
    while (attempts-- > 0 && base < LONGEST_DELAY)
        base *= 2;
    if (base > LONGEST_DELAY)
        base = LONGEST_DELAY;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (unsigned)getpid();
    return base - base / 4 + random % (base / 2);
}

static void note(struct baton_handler *handler, const char *error) {
    if (handler->is_served && strcmp(handler->error, error) != 0)
        fprintf(stderr, "baton: %s; registering again\n", error);
    snprintf(handler->error, sizeof handler->error, "%s", error);
}

void baton_retry_later(struct baton_handler *handler, const char *why) {
    note(handler, why);
    baton_set_timer(handler, delay(handler->attempts++));
}

static void finish(struct baton_handler *handler, const char *error) {
    handler->over = 1;
    snprintf(handler->error, sizeof handler->error, "%s", error ? error : "");
    /* From now on baton_fd stays readable: there is something to learn from baton_next. */
    uint64_t one = 1;
    (void)!write(handler->wake, &one, sizeof one);
}

void baton_retry(struct baton_handler *handler, int is_due) {
    pthread_mutex_lock(&handler->lock);
    int is_draining = handler->is_draining, is_idle = handler->held == 0;
    pthread_mutex_unlock(&handler->lock);
    if (is_draining) {
        if (is_idle)
            finish(handler, NULL);
    } else if (is_due) {
        if (baton_register(handler, baton_channel_connect(handler->runtime_directory, SOCK_NONBLOCK)) != 0) {
            char why[128];
            snprintf(why, sizeof why, "cannot register: %s", strerror(errno));
            baton_retry_later(handler, why);
        }
    }
}

/* What waited for the channel that has ended. */
static void forget_channel(struct baton_handler *handler) {
    static const char gone[] = "the supervisor is gone";
    pthread_mutex_lock(&handler->lock);
    /* Baton queues what was not acknowledged for another handler, so it is not ours to shut down. */
    for (struct entry *entry; (entry = baton_pop(&handler->received));) {
        close(entry->public.fd);
        baton_free(entry);
        handler->held--;
    }
    handler->is_open = 0;
    handler->held_here = 0;
    handler->channels++; /* what came over it belongs to no channel that is to come */
    struct outbox *outbox = &handler->outbox;
    for (struct entry *entry; (entry = baton_pop(&outbox->passes));)
        baton_settle(handler, entry, gone, ENOTCONN);
    for (struct entry *entry; (entry = baton_pop(&handler->passing));)
        baton_settle(handler, entry, gone, ENOTCONN);
    handler->passing_count = 0;
    *outbox = (struct outbox){.done = outbox->done, .done_room = outbox->done_room};
    pthread_mutex_unlock(&handler->lock);
    handler->received_count = 0;
}

void baton_leave(struct baton_handler *handler, const char *error) {
    if (handler->channel < 0)
        return;
    epoll_ctl(handler->epoll, EPOLL_CTL_DEL, handler->channel, NULL);
    close(handler->channel);
    handler->channel = -1;
    forget_channel(handler);
    pthread_mutex_lock(&handler->lock);
    int goes_on = handler->reconnects && !handler->is_draining;
    pthread_mutex_unlock(&handler->lock);
    if (!goes_on)
        finish(handler, error);
    else
        baton_retry_later(handler, error ? error : "told to drain");
}
