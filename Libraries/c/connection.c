/* The bytes and the address of one connection, and its end. */
#include "handler.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

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

int baton_unread(struct baton_connection *connection, const void *bytes, size_t size) {
    struct entry *entry = (struct entry *)connection;
    size_t length = connection->drained_length;
    if (size > LONGEST_DRAINED || length > LONGEST_DRAINED - size)
        return errno = EMSGSIZE, -1;
    if (size == 0)
        return 0;
    unsigned char *together = malloc(size + length);
    if (!together)
        return -1;
    memcpy(mempcpy(together, bytes, size), connection->drained, length);
    free(entry->put_back);
    entry->put_back = together;
    connection->drained = together;
    connection->drained_length = size + length;
    return 0;
}

void baton_free(struct entry *entry) {
    free(entry->put_back);
    free(entry->refusal);
    free(entry->target);
    free(entry);
}

/* The supervisor may still have its copy for a moment: only shutdown ends the stream at once. */
static void hang_up(struct baton_connection *connection) {
    if (connection->fd < 0)
        return;
    shutdown(connection->fd, SHUT_RDWR);
    close(connection->fd);
    connection->fd = -1;
}

void baton_retire(struct baton_handler *handler, struct entry *entry) {
    hang_up(&entry->public);
    handler->held--;
    if (handler->is_open && entry->channel == handler->channels) {
        handler->held_here--;
        if (!(handler->traits & BATON_SENDS_NO_DONE))
            handler->outbox.done[handler->outbox.done_count++] = entry->id;
    }
    baton_free(entry);
}

void baton_end(struct baton_connection *connection) {
    struct entry *entry = (struct entry *)connection;
    struct baton_handler *handler = connection->handler;
    pthread_mutex_lock(&handler->lock);
    int is_passing = entry->is_given_up = entry->is_passing;
    pthread_mutex_unlock(&handler->lock);
    if (is_passing)
        return; /* baton_settle ends it */
    hang_up(connection); /* not under the lock: with SO_LINGER it may take its time */
    pthread_mutex_lock(&handler->lock);
    baton_retire(handler, entry);
    baton_wake(handler);
    pthread_mutex_unlock(&handler->lock);
}
