/* The handler: opened, asked for the next connection, closed. */
#include "handler.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int prepare(struct baton_handler *handler) {
    struct epoll_event readable = {.events = EPOLLIN};
    if ((handler->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
        (handler->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
        (handler->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) < 0)
        return -1;
    return epoll_ctl(handler->epoll, EPOLL_CTL_ADD, handler->wake, &readable) != 0 ||
                   epoll_ctl(handler->epoll, EPOLL_CTL_ADD, handler->timer, &readable) != 0
               ? -1
               : 0;
}

/* A supervisor that is not there yet, or that is just going. */
static int is_absent(int error) {
    return error == ENOENT || error == ECONNREFUSED || error == EAGAIN || error == EPIPE || error == ECONNRESET;
}

static int open_channel(struct baton_handler *handler, const char *inherited) {
    if (inherited)
        return baton_register(handler, baton_channel_adopt(inherited));
    int flags = handler->reconnects ? SOCK_NONBLOCK : 0;
    if (baton_register(handler, baton_channel_connect(handler->runtime_directory, flags)) == 0)
        return 0;
    if (!handler->reconnects || !is_absent(errno))
        return -1;
    char why[128];
    snprintf(why, sizeof why, "cannot register: %s", strerror(errno));
    baton_retry_later(handler, why);
    return 0;
}

struct baton_handler *baton_make(const struct baton_options *options, int is_served) {
    const char *service = options->service ? options->service : getenv("BATON_SERVICE");
    const char *inherited = getenv("BATON_CHANNEL");
    const char *version = getenv("BATON_PROTOCOL");
    if (!service || !*service || strlen(service) > LONGEST_NAME)
        return errno = EINVAL, NULL;
    if (inherited && version && strcmp(version, "1") != 0)
        return errno = EPROTONOSUPPORT, NULL;
    struct baton_handler *handler = calloc(1, sizeof *handler);
    if (!handler)
        return NULL;
    handler->channel = handler->epoll = handler->wake = handler->timer = -1;
    handler->reader = pthread_self();
    handler->traits = options->traits;
    handler->capacity = options->capacity;
    handler->reconnects = options->reconnect && !inherited;
    handler->is_served = is_served;
    memcpy(handler->service, service, strlen(service) + 1);
    pthread_mutex_init(&handler->lock, NULL);
    pthread_cond_init(&handler->settled, NULL);
    if (options->status)
        baton_set_status(handler, options->status);
    if ((options->runtime_directory && !(handler->runtime_directory = strdup(options->runtime_directory))) ||
        prepare(handler) != 0 || open_channel(handler, inherited) != 0) {
        int error = errno;
        baton_close(handler);
        errno = error;
        return NULL;
    }
    /* The number means nothing to programs that this one starts: it is closed there. */
    unsetenv("BATON_CHANNEL");
    return handler;
}

struct baton_handler *baton_open(const struct baton_options *given) {
    const struct baton_options none = {0};
    return baton_make(given ? given : &none, 0);
}

int baton_fd(const struct baton_handler *handler) { return handler->epoll; }

const char *baton_error(const struct baton_handler *handler) { return handler->error[0] ? handler->error : NULL; }

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static struct entry *next_ready(struct baton_handler *handler) {
    struct entry *entry = baton_pop(&handler->ready);
    if (!entry && !handler->over) {
        baton_exchange(handler, 0);
        entry = baton_pop(&handler->ready);
    }
    /* What else is ready does not make the descriptor readable by itself. */
    pthread_mutex_lock(&handler->lock);
    if (entry && handler->ready.first)
        baton_wake(handler);
    pthread_mutex_unlock(&handler->lock);
    return entry;
}

int baton_next(struct baton_handler *handler, struct baton_connection **connection, int milliseconds) {
    pthread_mutex_lock(&handler->lock);
    handler->reader = pthread_self();
    pthread_mutex_unlock(&handler->lock);
    long long deadline = milliseconds > 0 ? now() + milliseconds : 0;
    for (;;) {
        struct entry *entry = next_ready(handler);
        if (entry) {
            *connection = &entry->public;
            return 1;
        }
        if (handler->over)
            return -1;
        int wait = milliseconds;
        if (milliseconds > 0) {
            long long left = deadline - now();
            wait = left < 0 ? 0 : (int)left;
        }
        if (wait == 0 || poll(&(struct pollfd){.fd = handler->epoll, .events = POLLIN}, 1, wait) == 0)
            return 0;
    }
}

void baton_set_capacity(struct baton_handler *handler, uint32_t capacity) {
    pthread_mutex_lock(&handler->lock);
    handler->capacity = capacity;
    handler->outbox.set_capacity = handler->is_open;
    baton_wake(handler);
    pthread_mutex_unlock(&handler->lock);
}

void baton_set_status(struct baton_handler *handler, const char *text) {
    size_t length = strnlen(text, LONGEST_TEXT + 1);
    if (length > LONGEST_TEXT) {
        length = LONGEST_TEXT;
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--; /* not in the middle of a character */
    }
    char *copy = strndup(text, length);
    if (!copy)
        return;
    pthread_mutex_lock(&handler->lock);
    free(handler->status);
    handler->status = copy;
    handler->outbox.set_status = handler->is_open;
    baton_wake(handler);
    pthread_mutex_unlock(&handler->lock);
}

void baton_drain(struct baton_handler *handler) {
    pthread_mutex_lock(&handler->lock);
    if (!handler->is_draining)
        handler->is_draining = handler->outbox.drain = 1;
    baton_wake(handler);
    pthread_mutex_unlock(&handler->lock);
}

void baton_close(struct baton_handler *handler) {
    pthread_mutex_lock(&handler->lock);
    handler->is_draining = 1;
    if (handler->is_open)
        baton_flush(handler);
    pthread_mutex_unlock(&handler->lock);
    baton_leave(handler, NULL);
    for (struct entry *entry; (entry = baton_pop(&handler->ready));) {
        if (entry->public.fd >= 0)
            close(entry->public.fd);
        baton_free(entry);
    }
    int descriptors[] = {handler->timer, handler->wake, handler->epoll};
    for (size_t index = 0; index < sizeof descriptors / sizeof *descriptors; index++)
        if (descriptors[index] >= 0)
            close(descriptors[index]);
    free(handler->outbox.done);
    free(handler->status);
    free(handler->runtime_directory);
    pthread_cond_destroy(&handler->settled);
    pthread_mutex_destroy(&handler->lock);
    free(handler);
}
