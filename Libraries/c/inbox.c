/* What comes from the supervisor: nothing in a message is trusted before it is checked against its size. */
#include "handler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

struct baton_body {
    uint64_t connection;
    uint16_t service, listener;
    uint32_t drained;
};

/* The fixed part of a BATON whose lengths add up; 0, or -1 when it is malformed. */
static int read_baton(const struct header *header, const unsigned char *body, struct baton_body *fixed) {
    size_t size = header->length - HEADER;
    if (size < sizeof *fixed || header->id == 0 || (header->flags & ~1u))
        return -1;
    memcpy(fixed, body, sizeof *fixed);
    size -= sizeof *fixed;
    if (fixed->service > LONGEST_NAME || fixed->listener > LONGEST_NAME || fixed->drained > LONGEST_DRAINED)
        return -1;
    size_t stated = (size_t)fixed->service + fixed->listener + fixed->drained;
    return size < stated || size - stated > LONGEST_PROXY_HEADER ? -1 : 0;
}

static struct entry *make_entry(const struct header *header, const struct baton_body *fixed, const unsigned char *text) {
    size_t size = header->length - HEADER - sizeof *fixed, named = (size_t)fixed->service + fixed->listener;
    struct entry *entry = malloc(sizeof *entry + size + 2);
    if (!entry)
        return NULL;
    *entry = (struct entry){.id = header->id};
    struct baton_connection *public = &entry->public;
    public->number = fixed->connection;
    public->was_sent_before = header->flags & 1;
    unsigned char *at = entry->storage;
    public->service = (char *)at;
    at = mempcpy(at, text, fixed->service);
    *at++ = 0;
    public->listener = (char *)at;
    at = mempcpy(at, text + fixed->service, fixed->listener);
    *at++ = 0;
    memcpy(at, text + named, size - named);
    public->drained = at;
    public->drained_length = fixed->drained;
    public->proxy_header = at + fixed->drained;
    public->proxy_header_length = size - named - fixed->drained;
    return entry;
}

/* 0, or -1 when the message is malformed. Takes over `fd` (-1: the kernel could not give it to us). */
static int take_baton(struct baton_handler *handler, const struct header *header, int fd) {
    const unsigned char *body = handler->buffer + HEADER;
    struct baton_body fixed;
    if (read_baton(header, body, &fixed) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (fd < 0) {
        refuse(handler, header->id, "the descriptor did not come: out of descriptors");
        return 0;
    }
    struct entry *entry = make_entry(header, &fixed, body + sizeof fixed);
    if (!entry || make_room_for_done(handler) != 0) {
        free(entry);
        close(fd);
        refuse(handler, header->id, "out of memory");
        return 0;
    }
    entry->public.fd = fd;
    entry->public.handler = handler;
    baton_push(&handler->received, entry);
    handler->received_count++;
    pthread_mutex_lock(&handler->lock);
    entry->channel = handler->channels;
    handler->held++;
    handler->held_here++;
    handler->outbox.ack = header->id;
    pthread_mutex_unlock(&handler->lock);
    return 0;
}

static int take_passed(struct baton_handler *handler, const struct header *header, size_t size) {
    if (header->flags & ~1u || size > LONGEST_TEXT)
        return -1;
    char reason[LONGEST_TEXT + 1];
    *(char *)mempcpy(reason, handler->buffer + HEADER, size) = 0;
    pthread_mutex_lock(&handler->lock);
    struct entry *entry = baton_remove(&handler->passing, header->id);
    if (entry) {
        handler->passing_count--;
        baton_settle(handler, entry, header->flags ? reason : NULL, ECONNREFUSED);
    }
    pthread_mutex_unlock(&handler->lock);
    return entry ? 0 : -1;
}

static int take_welcome(struct baton_handler *handler, size_t size) {
    uint16_t version;
    if (size != 8)
        return -1;
    memcpy(&version, handler->buffer + HEADER, sizeof version);
    handler->attempts = 0;
    return version == VERSION ? 0 : -1;
}

static void take_drain(struct baton_handler *handler) {
    pthread_mutex_lock(&handler->lock);
    handler->is_leaving = 1;
    if (!handler->reconnects)
        handler->is_draining = 1;
    pthread_mutex_unlock(&handler->lock);
}

static void take_rejection(struct baton_handler *handler, size_t size) {
    char reason[LONGEST_TEXT + 64];
    int length = size > LONGEST_TEXT ? LONGEST_TEXT : (int)size;
    snprintf(reason, sizeof reason, "the supervisor refuses: %.*s", length, (char *)handler->buffer + HEADER);
    baton_leave(handler, reason);
}

/* 0, or -1 when the message is malformed. `fd` is -1 when none came. */
static int take_message(struct baton_handler *handler, size_t size, int fd) {
    struct header header = {0};
    if (size >= HEADER)
        memcpy(&header, handler->buffer, HEADER);
    if (size >= HEADER && header.length == size && header.type == BATON)
        return take_baton(handler, &header, fd);
    if (fd >= 0)
        close(fd);
    if (fd >= 0 || size < HEADER || header.length != size || (header.flags && header.type != PASSED))
        return -1;
    size -= HEADER;
    switch (header.type) {
    case WELCOME:
        return take_welcome(handler, size);
    case PING:
        pthread_mutex_lock(&handler->lock);
        handler->outbox.pong = 1;
        handler->outbox.pong_id = header.id;
        pthread_mutex_unlock(&handler->lock);
        return size ? -1 : 0;
    case SUPERVISOR_DRAIN:
        take_drain(handler);
        return size ? -1 : 0;
    case REJECT:
        take_rejection(handler, size);
        return 0;
    case PASSED:
        return take_passed(handler, &header, size);
    default:
        return -1;
    }
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

static void end_of_file(struct baton_handler *handler) {
    pthread_mutex_lock(&handler->lock);
    int asked = handler->is_draining || handler->is_leaving;
    pthread_mutex_unlock(&handler->lock);
    baton_leave(handler, asked ? NULL : "the supervisor is gone");
}

int baton_receive(struct baton_handler *handler) {
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
        baton_leave(handler, strerror(errno));
        return -1;
    }
    if (size == 0) {
        end_of_file(handler);
        return -1;
    }
    int fd = first_descriptor(&message);
    if (fd >= 0 && (message.msg_flags & MSG_CTRUNC)) {
        close(fd); /* it came in bad company */
        fd = -1;
    }
    if (message.msg_flags & MSG_TRUNC)
        size = 0;
    if (take_message(handler, (size_t)size, fd) != 0) {
        baton_leave(handler, "protocol error: malformed message from the supervisor");
        return -1;
    }
    return handler->channel < 0 ? -1 : 1;
}
