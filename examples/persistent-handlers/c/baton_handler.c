/* See baton_handler.h for use and docs/protocol.md for the protocol. One thread, the one that calls
 * baton_next, reads and writes the channel. Others leave what they have to say in the outbox and wake it
 * through an eventfd; both are watched by one epoll descriptor, which is what baton_fd answers. */
#define _GNU_SOURCE
#include "baton_handler.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REGISTER = 1, ACK, DONE, PONG, PASS, CAPACITY, DRAIN, STATUS, NACK };
enum { WELCOME = 16, BATON, PING, SUPERVISOR_DRAIN, REJECT };
enum {
    VERSION = 1,
    HEADER = 16,
    LONGEST_MESSAGE = 65536,
    LONGEST_DRAINED = 61440,
    LONGEST_NAME = 255,
    LONGEST_PROXY_HEADER = 536,
    LONGEST_TEXT = 1024,
    BATCH = 64,         /* batons read before one ACK; no more ever stand unacknowledged */
    IDS_A_MESSAGE = 512 /* connections named by one DONE */
};

struct header {
    uint32_t length;
    uint16_t type;
    uint16_t flags;
    uint64_t id;
};

/* What the library keeps with a connection; the public part comes first, so that the one is the other. */
struct entry {
    struct baton_connection public;
    uint64_t id;
    struct entry *next;
    unsigned char storage[];
};

struct queue {
    struct entry *first, *last;
};

struct outbox {
    uint64_t *done; /* ids; there is always room for every connection held */
    size_t done_count, done_room;
    uint64_t nack, ack; /* 0: none */
    const char *nack_reason;
    int pong;
    uint64_t pong_id;
    int set_capacity, drain;
    uint32_t capacity;
    char *status;
};

struct baton_handler {
    int channel, epoll, wake;
    uint16_t traits;
    int awake;    /* the eventfd is set (under lock) */
    int draining; /* by either side (under lock) */
    size_t held;  /* connections that have come and not ended (under lock) */
    struct outbox outbox; /* under lock */
    pthread_mutex_t lock;
    struct queue received; /* not acknowledged yet; the thread of baton_next only, as the rest */
    struct queue ready;    /* acknowledged, not yet asked for */
    size_t received_count;
    int over;
    uint32_t watched; /* what the channel is watched for */
    char error[LONGEST_TEXT + 64];
    unsigned char buffer[LONGEST_MESSAGE];
};

static void push(struct queue *queue, struct entry *entry) {
    entry->next = NULL;
    if (queue->last)
        queue->last->next = entry;
    else
        queue->first = entry;
    queue->last = entry;
}

static struct entry *pop(struct queue *queue) {
    struct entry *entry = queue->first;
    if (entry && !(queue->first = entry->next))
        queue->last = NULL;
    return entry;
}

/* ---- The channel ---- */

static int adopt_channel(const char *text) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < 0 || number > INT_MAX)
        return errno = EINVAL, -1;
    int type = 0;
    socklen_t length = sizeof type;
    if (getsockopt((int)number, SOL_SOCKET, SO_TYPE, &type, &length) != 0)
        return -1;
    if (type != SOCK_SEQPACKET)
        return errno = EPROTOTYPE, -1;
    /* At once: a child that kept the channel would keep this handler from ever being gone. */
    if (fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    return (int)number;
}

/* RUNTIME_DIR; refused when others could have put it there. */
static int runtime_directory(const char *given, char *path, size_t size) {
    const char *named = given ? given : getenv("BATON_RUNTIME_DIRECTORY");
    const char *session = getenv("XDG_RUNTIME_DIR");
    int length;
    if (named && *named)
        length = snprintf(path, size, "%s", named);
    else if (geteuid() == 0)
        length = snprintf(path, size, "/run/baton");
    else if (session && *session == '/')
        length = snprintf(path, size, "%s/baton", session);
    else
        length = snprintf(path, size, "/tmp/baton-%u", (unsigned)geteuid());
    if (length < 0 || (size_t)length >= size)
        return errno = ENAMETOOLONG, -1;
    struct stat status;
    if (lstat(path, &status) != 0)
        return -1;
    if (!S_ISDIR(status.st_mode))
        return errno = ENOTDIR, -1;
    if ((status.st_uid != 0 && status.st_uid != geteuid()) || status.st_mode & S_IWOTH)
        return errno = EPERM, -1;
    return 0;
}

static int connect_channel(const char *given) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char directory[sizeof address.sun_path];
    if (runtime_directory(given, directory, sizeof directory) != 0)
        return -1;
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/register.sock", directory);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        return errno = ENAMETOOLONG, -1;
    int channel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (channel < 0)
        return -1;
    int result;
    do
        result = connect(channel, (struct sockaddr *)&address, sizeof address);
    while (result != 0 && errno == EINTR);
    if (result != 0) {
        int error = errno;
        close(channel);
        errno = error;
        return -1;
    }
    return channel;
}

/* 1: sent; 0: the channel is full, try again when it is writable; -1: it is broken. */
static int send_message(struct baton_handler *handler, uint16_t type, uint64_t id, const void *body, size_t size) {
    struct header header = {.length = (uint32_t)(HEADER + size), .type = type, .id = id};
    struct iovec parts[] = {{&header, HEADER}, {(void *)(uintptr_t)body, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size ? 2 : 1};
    ssize_t sent;
    do
        sent = sendmsg(handler->channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 1;
    return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? 0 : -1;
}

static void finish(struct baton_handler *handler, const char *error) {
    if (handler->over)
        return;
    handler->over = 1;
    if (error)
        snprintf(handler->error, sizeof handler->error, "%s", error);
    /* Baton queues what was not acknowledged for another handler, so it is not ours to shut down. */
    for (struct entry *entry; (entry = pop(&handler->received));) {
        close(entry->public.fd);
        free(entry);
    }
    handler->received_count = 0;
    epoll_ctl(handler->epoll, EPOLL_CTL_DEL, handler->channel, NULL);
    close(handler->channel);
    handler->channel = -1;
    /* From now on baton_fd stays readable: there is something to learn from baton_next. */
    uint64_t one = 1;
    (void)!write(handler->wake, &one, sizeof one);
}

/* ---- Sending ---- */

/* A baton is ours once its ACK is sent, not before. */
static void own_received(struct baton_handler *handler) {
    for (struct entry *entry; (entry = pop(&handler->received));)
        push(&handler->ready, entry);
    handler->received_count = 0;
}

/* Sends what waits, in the order that the protocol wants (a NACK before any ACK of as much or more).
 * 1: all of it; 0: the channel is full; -1: it is broken. Under lock. */
static int flush(struct baton_handler *handler) {
    struct outbox *outbox = &handler->outbox;
    int result;
    if (outbox->nack) {
        result = send_message(handler, NACK, outbox->nack, outbox->nack_reason, strlen(outbox->nack_reason));
        if (result != 1)
            return result;
        outbox->nack = 0;
    }
    if (outbox->ack) {
        if ((result = send_message(handler, ACK, outbox->ack, NULL, 0)) != 1)
            return result;
        outbox->ack = 0;
        own_received(handler);
    }
    if (outbox->pong) {
        if ((result = send_message(handler, PONG, outbox->pong_id, NULL, 0)) != 1)
            return result;
        outbox->pong = 0;
    }
    while (outbox->done_count) {
        size_t count = outbox->done_count < IDS_A_MESSAGE ? outbox->done_count : IDS_A_MESSAGE;
        if ((result = send_message(handler, DONE, 0, outbox->done, count * sizeof *outbox->done)) != 1)
            return result;
        outbox->done_count -= count;
        memmove(outbox->done, outbox->done + count, outbox->done_count * sizeof *outbox->done);
    }
    if (outbox->set_capacity) {
        if ((result = send_message(handler, CAPACITY, 0, &outbox->capacity, sizeof outbox->capacity)) != 1)
            return result;
        outbox->set_capacity = 0;
    }
    if (outbox->status) {
        if ((result = send_message(handler, STATUS, 0, outbox->status, strlen(outbox->status))) != 1)
            return result;
        free(outbox->status);
        outbox->status = NULL;
    }
    if (outbox->drain) {
        if ((result = send_message(handler, DRAIN, 0, NULL, 0)) != 1)
            return result;
        outbox->drain = 0;
    }
    return 1;
}

/* Under lock. */
static void wake(struct baton_handler *handler) {
    if (handler->awake)
        return;
    handler->awake = 1;
    uint64_t one = 1;
    (void)!write(handler->wake, &one, sizeof one);
}

/* ---- Receiving ---- */

/* One more place in the outbox's list for each connection taken, so that baton_end cannot fail. */
static int make_room_for_done(struct baton_handler *handler) {
    int result = 0;
    pthread_mutex_lock(&handler->lock);
    struct outbox *outbox = &handler->outbox;
    size_t needed = handler->held + outbox->done_count + 1;
    if (needed > outbox->done_room) {
        size_t room = outbox->done_room ? outbox->done_room : BATCH;
        while (room < needed)
            room *= 2;
        uint64_t *grown = realloc(outbox->done, room * sizeof *grown);
        if (grown) {
            outbox->done = grown;
            outbox->done_room = room;
        } else {
            result = -1;
        }
    }
    pthread_mutex_unlock(&handler->lock);
    return result;
}

static void refuse(struct baton_handler *handler, uint64_t id, const char *reason) {
    pthread_mutex_lock(&handler->lock);
    handler->outbox.nack = id;
    handler->outbox.nack_reason = reason;
    pthread_mutex_unlock(&handler->lock);
}

/* 0, or -1 when the message is malformed. Takes over `fd` (-1: the kernel could not give it to us). */
static int take_baton(struct baton_handler *handler, const struct header *header, int fd) {
    struct {
        uint64_t connection;
        uint16_t service, listener;
        uint32_t drained;
    } fixed;
    const unsigned char *body = handler->buffer + HEADER;
    size_t size = header->length - HEADER;
    if (size < sizeof fixed || header->id == 0 || (header->flags & ~1u))
        return -1;
    memcpy(&fixed, body, sizeof fixed);
    body += sizeof fixed;
    size -= sizeof fixed;
    if (fixed.service > LONGEST_NAME || fixed.listener > LONGEST_NAME || fixed.drained > LONGEST_DRAINED)
        return -1;
    size_t named = (size_t)fixed.service + fixed.listener;
    if (size < named + fixed.drained || size - named - fixed.drained > LONGEST_PROXY_HEADER)
        return -1;
    if (fd < 0) {
        refuse(handler, header->id, "the descriptor did not come: out of descriptors");
        return 0;
    }
    struct entry *entry = malloc(sizeof *entry + size + 2);
    if (!entry || make_room_for_done(handler) != 0) {
        free(entry);
        close(fd);
        refuse(handler, header->id, "out of memory");
        return 0;
    }
    unsigned char *at = entry->storage;
    struct baton_connection *public = &entry->public;
    memset(public, 0, sizeof *public);
    entry->id = header->id;
    public->fd = fd;
    public->number = fixed.connection;
    public->was_sent_before = header->flags & 1;
    public->service = (char *)at;
    at = (unsigned char *)mempcpy(at, body, fixed.service);
    *at++ = 0;
    public->listener = (char *)at;
    at = (unsigned char *)mempcpy(at, body + fixed.service, fixed.listener);
    *at++ = 0;
    memcpy(at, body + named, size - named);
    public->drained = at;
    public->drained_length = fixed.drained;
    public->proxy_header = at + fixed.drained;
    public->proxy_header_length = size - named - fixed.drained;

    push(&handler->received, entry);
    handler->received_count++;
    pthread_mutex_lock(&handler->lock);
    handler->held++;
    handler->outbox.ack = header->id;
    pthread_mutex_unlock(&handler->lock);
    return 0;
}

/* 0, or -1 when the message is malformed. `fd` is -1 when none came. */
static int take_message(struct baton_handler *handler, size_t size, int fd) {
    struct header header;
    if (size < HEADER)
        goto malformed;
    memcpy(&header, handler->buffer, HEADER);
    if (header.length != size)
        goto malformed;
    if (header.type == BATON)
        return take_baton(handler, &header, fd);
    if (fd >= 0 || header.flags)
        goto malformed;
    switch (header.type) {
    case WELCOME: {
        uint16_t version;
        if (size != HEADER + 8)
            return -1;
        memcpy(&version, handler->buffer + HEADER, sizeof version);
        return version == VERSION ? 0 : -1;
    }
    case PING:
        pthread_mutex_lock(&handler->lock);
        handler->outbox.pong = 1;
        handler->outbox.pong_id = header.id;
        pthread_mutex_unlock(&handler->lock);
        return size == HEADER ? 0 : -1;
    case SUPERVISOR_DRAIN:
        pthread_mutex_lock(&handler->lock);
        handler->draining = 1;
        pthread_mutex_unlock(&handler->lock);
        return size == HEADER ? 0 : -1;
    case REJECT: {
        char reason[LONGEST_TEXT + 64];
        int length = size - HEADER > LONGEST_TEXT ? LONGEST_TEXT : (int)(size - HEADER);
        snprintf(reason, sizeof reason, "the supervisor refuses: %.*s", length, (char *)handler->buffer + HEADER);
        finish(handler, reason);
        return 0;
    }
    default:
        return -1;
    }
malformed:
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Closes every descriptor but the first, which it answers; -1 when there is none. */
static int first_descriptor(struct msghdr *message) {
    int first = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < count; index++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + index * sizeof fd, sizeof fd);
            if (first < 0)
                first = fd;
            else
                close(fd);
        }
    }
    return first;
}

/* 1: took a message; 0: there is none now; -1: the channel is over. */
static int receive(struct baton_handler *handler) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {handler->buffer, sizeof handler->buffer};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
        /* Exactly one: in CMSG_SPACE of one there is padding enough for a second. */
        .msg_controllen = CMSG_LEN(sizeof(int))};
    ssize_t size;
    /* ECONNRESET says once that the supervisor closed with something unread; what it sent comes after. */
    do
        size = recvmsg(handler->channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    if (size < 0) {
        if (errno == EAGAIN)
            return 0;
        finish(handler, strerror(errno));
        return -1;
    }
    if (size == 0) {
        pthread_mutex_lock(&handler->lock);
        int asked = handler->draining;
        pthread_mutex_unlock(&handler->lock);
        finish(handler, asked ? NULL : "the supervisor is gone");
        return -1;
    }
    int fd = first_descriptor(&message);
    if (fd >= 0 && (message.msg_flags & MSG_CTRUNC)) {
        close(fd); /* it came in bad company */
        fd = -1;
    }
    if ((message.msg_flags & MSG_TRUNC) || take_message(handler, (size_t)size, fd) != 0) {
        if (message.msg_flags & MSG_TRUNC && fd >= 0)
            close(fd);
        finish(handler, "protocol error: malformed message from the supervisor");
        return -1;
    }
    return handler->over ? -1 : 1;
}

static void watch(struct baton_handler *handler, uint32_t interest) {
    if (handler->over || handler->watched == interest)
        return;
    struct epoll_event event = {.events = interest};
    epoll_ctl(handler->epoll, EPOLL_CTL_MOD, handler->channel, &event);
    handler->watched = interest;
}

/* Writes what waits and reads what is there. Nothing is read while an answer waits for room in the
 * channel, so a supervisor that does not read cannot make the outbox grow. */
static void pump(struct baton_handler *handler) {
    pthread_mutex_lock(&handler->lock);
    if (handler->awake) {
        uint64_t value;
        (void)!read(handler->wake, &value, sizeof value);
        handler->awake = 0;
    }
    pthread_mutex_unlock(&handler->lock);
    for (int more = 1; !handler->over;) {
        pthread_mutex_lock(&handler->lock);
        int flushed = flush(handler);
        int drained = flushed == 1 && !more && handler->draining && handler->held == 0;
        pthread_mutex_unlock(&handler->lock);
        if (flushed == 0) {
            watch(handler, EPOLLOUT);
            return;
        }
        if (flushed < 0) {
            /* Broken for writing; what the supervisor said last (REJECT) may still be there to read. */
            while (receive(handler) > 0)
                ;
            finish(handler, "the supervisor is gone");
            return;
        }
        watch(handler, EPOLLIN);
        if (drained)
            return finish(handler, NULL);
        if (!more || handler->ready.first)
            return;
        /* A batch of batons has one ACK; a NACK or PONG goes out before anything else is read. */
        do
            more = receive(handler);
        while (more > 0 && handler->received_count < BATCH && !handler->outbox.nack && !handler->outbox.pong &&
               !(handler->traits & BATON_SERVES_ON_CHANNEL_THREAD && handler->received_count));
        if (more < 0)
            return;
    }
}

/* ---- The interface ---- */

struct baton_handler *baton_open(const struct baton_options *given) {
    const struct baton_options none = {0};
    const struct baton_options *options = given ? given : &none;
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
    handler->channel = handler->epoll = handler->wake = -1;
    handler->traits = options->traits;
    pthread_mutex_init(&handler->lock, NULL);

    struct {
        uint16_t version, traits;
        uint32_t capacity;
        char service[LONGEST_NAME];
    } body = {.version = VERSION, .traits = options->traits, .capacity = options->capacity};
    size_t length = strlen(service);
    memcpy(body.service, service, length);
    struct epoll_event readable = {.events = EPOLLIN};
    handler->watched = readable.events;
    if ((handler->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 || (handler->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
        (handler->channel = inherited ? adopt_channel(inherited) : connect_channel(options->runtime_directory)) < 0 ||
        epoll_ctl(handler->epoll, EPOLL_CTL_ADD, handler->channel, &readable) != 0 ||
        epoll_ctl(handler->epoll, EPOLL_CTL_ADD, handler->wake, &readable) != 0 ||
        send_message(handler, REGISTER, 0, &body, offsetof(__typeof__(body), service) + length) != 1) {
        int error = errno;
        baton_close(handler);
        errno = error;
        return NULL;
    }
    /* The number means nothing to programs that this one starts: it is closed there. */
    unsetenv("BATON_CHANNEL");
    if (options->status)
        baton_set_status(handler, options->status);
    return handler;
}

int baton_fd(const struct baton_handler *handler) { return handler->epoll; }

const char *baton_error(const struct baton_handler *handler) { return handler->error[0] ? handler->error : NULL; }

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

int baton_next(struct baton_handler *handler, struct baton_connection **connection, int milliseconds) {
    long long deadline = milliseconds > 0 ? now() + milliseconds : 0;
    for (;;) {
        struct entry *entry = pop(&handler->ready);
        if (!entry && !handler->over) {
            pump(handler);
            entry = pop(&handler->ready);
        }
        if (entry) {
            /* What else is ready does not make the descriptor readable by itself. */
            pthread_mutex_lock(&handler->lock);
            if (handler->ready.first)
                wake(handler);
            pthread_mutex_unlock(&handler->lock);
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
        if (milliseconds == 0 || wait == 0)
            return 0;
        struct pollfd event = {.fd = handler->epoll, .events = POLLIN};
        if (poll(&event, 1, wait) == 0)
            return 0;
    }
}

void baton_end(struct baton_handler *handler, struct baton_connection *connection) {
    struct entry *entry = (struct entry *)connection;
    if (connection->fd >= 0) {
        /* The supervisor may still have its copy for a moment: only shutdown ends the stream at once. */
        shutdown(connection->fd, SHUT_RDWR);
        close(connection->fd);
    }
    pthread_mutex_lock(&handler->lock);
    handler->held--;
    if (!(handler->traits & BATON_SENDS_NO_DONE))
        handler->outbox.done[handler->outbox.done_count++] = entry->id;
    wake(handler);
    pthread_mutex_unlock(&handler->lock);
    free(entry);
}

void baton_set_capacity(struct baton_handler *handler, uint32_t capacity) {
    pthread_mutex_lock(&handler->lock);
    handler->outbox.capacity = capacity;
    handler->outbox.set_capacity = 1;
    wake(handler);
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
    pthread_mutex_lock(&handler->lock);
    if (copy) {
        free(handler->outbox.status);
        handler->outbox.status = copy;
    }
    wake(handler);
    pthread_mutex_unlock(&handler->lock);
}

void baton_drain(struct baton_handler *handler) {
    pthread_mutex_lock(&handler->lock);
    if (!handler->draining)
        handler->draining = handler->outbox.drain = 1;
    wake(handler);
    pthread_mutex_unlock(&handler->lock);
}

void baton_close(struct baton_handler *handler) {
    if (handler->channel >= 0) {
        pthread_mutex_lock(&handler->lock);
        flush(handler);
        pthread_mutex_unlock(&handler->lock);
        close(handler->channel);
    }
    own_received(handler);
    for (struct entry *entry; (entry = pop(&handler->ready));) {
        close(entry->public.fd);
        free(entry);
    }
    if (handler->wake >= 0)
        close(handler->wake);
    if (handler->epoll >= 0)
        close(handler->epoll);
    free(handler->outbox.done);
    free(handler->outbox.status);
    pthread_mutex_destroy(&handler->lock);
    free(handler);
}

/* ---- The pool of baton_serve ---- */

struct pool {
    struct baton_handler *handler;
    void (*serve)(struct baton_connection *, void *);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct queue queue;
    unsigned queued, idle, workers, most;
    int closed;
};

static void *work(void *argument) {
    struct pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->queue.first && !pool->closed) {
            pool->idle++;
            pthread_cond_wait(&pool->changed, &pool->lock);
            pool->idle--;
        }
        struct entry *entry = pop(&pool->queue);
        if (!entry)
            break;
        pool->queued--;
        pthread_mutex_unlock(&pool->lock);
        pool->serve(&entry->public, pool->context);
        baton_end(pool->handler, &entry->public);
        pthread_mutex_lock(&pool->lock);
    }
    pool->workers--;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under the pool's lock. */
static int add_worker(struct pool *pool) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, pool) != 0)
        return -1;
    pthread_detach(thread);
    pool->workers++;
    return 0;
}

static void serve_in_pool(struct pool *pool, struct baton_connection *connection) {
    pthread_mutex_lock(&pool->lock);
    push(&pool->queue, (struct entry *)connection);
    pool->queued++;
    /* If no thread can be had, those that are there take it later: there is always one. */
    if (pool->queued > pool->idle && pool->workers < pool->most)
        (void)add_worker(pool);
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

int baton_serve(const struct baton_options *given, void (*serve)(struct baton_connection *, void *), void *context) {
    struct baton_options options = given ? *given : (struct baton_options){0};
    if (options.threads == 0)
        options.traits |= BATON_SERVES_ON_CHANNEL_THREAD;
    else if (options.capacity == 0 || options.capacity > options.threads)
        options.capacity = options.threads; /* no more than can be served at once */
    struct baton_handler *handler = baton_open(&options);
    if (!handler) {
        fprintf(stderr, "baton: cannot register: %s\n", strerror(errno));
        return -1;
    }
    struct pool pool = {.handler = handler, .serve = serve, .context = context, .most = options.threads};
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.changed, NULL);
    int result = 0;
    struct baton_connection *connection;
    pthread_mutex_lock(&pool.lock);
    if (pool.most > 0 && add_worker(&pool) != 0) {
        fprintf(stderr, "baton: cannot start a thread\n");
        result = -1;
    }
    pthread_mutex_unlock(&pool.lock);
    while (result == 0 && baton_next(handler, &connection, -1) == 1) {
        if (pool.most > 0) {
            serve_in_pool(&pool, connection);
        } else {
            serve(connection, context);
            baton_end(handler, connection);
        }
    }
    pthread_mutex_lock(&pool.lock);
    pool.closed = 1;
    pthread_cond_broadcast(&pool.changed);
    while (pool.workers > 0)
        pthread_cond_wait(&pool.changed, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    if (baton_error(handler)) {
        fprintf(stderr, "baton: %s\n", baton_error(handler));
        result = -1;
    }
    baton_close(handler);
    pthread_cond_destroy(&pool.changed);
    pthread_mutex_destroy(&pool.lock);
    return result;
}

/* ---- The connection ---- */

ssize_t baton_read(struct baton_connection *connection, void *buffer, size_t size) {
    if (connection->drained_length > 0) {
        if (size > connection->drained_length)
            size = connection->drained_length;
        memcpy(buffer, connection->drained, size);
        connection->drained += size;
        connection->drained_length -= size;
        return (ssize_t)size;
    }
    ssize_t count;
    do
        count = recv(connection->fd, buffer, size, 0);
    while (count < 0 && errno == EINTR);
    return count;
}

int baton_write(struct baton_connection *connection, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t count = send(connection->fd, at, size, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        at += count;
        size -= (size_t)count;
    }
    return 0;
}

int baton_peer(const struct baton_connection *connection, struct sockaddr_storage *address, socklen_t *length) {
    const unsigned char *header = connection->proxy_header;
    size_t size = connection->proxy_header_length;
    memset(address, 0, sizeof *address);
    if (size >= 16 && memcmp(header, "\r\n\r\n\0\r\nQUIT\n", 12) == 0 && header[12] == 0x21) {
        const unsigned char *block = header + 16;
        size_t room = size - 16, stated = (size_t)header[14] << 8 | header[15];
        if (stated < room)
            room = stated;
        if (header[13] == 0x11 && room >= 12) {
            struct sockaddr_in *inet = (struct sockaddr_in *)address;
            inet->sin_family = AF_INET;
            memcpy(&inet->sin_addr, block, 4);
            memcpy(&inet->sin_port, block + 8, 2);
            *length = sizeof *inet;
            return 0;
        }
        if (header[13] == 0x21 && room >= 36) {
            struct sockaddr_in6 *inet = (struct sockaddr_in6 *)address;
            inet->sin6_family = AF_INET6;
            memcpy(&inet->sin6_addr, block, 16);
            memcpy(&inet->sin6_port, block + 32, 2);
            *length = sizeof *inet;
            return 0;
        }
        if (header[13] == 0x31 && room >= 216) {
            struct sockaddr_un *local = (struct sockaddr_un *)address;
            local->sun_family = AF_UNIX;
            memcpy(local->sun_path, block, sizeof local->sun_path);
            *length = sizeof *local;
            return 0;
        }
    }
    *length = sizeof *address;
    return getpeername(connection->fd, (struct sockaddr *)address, length);
}
