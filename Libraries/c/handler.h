/* What the files of the library share. One thread, the one that calls baton_next, reads and writes the
 * channel: "the reader". Others leave what they have to say in the outbox and wake it through an eventfd.
 * Channel, eventfd and a timer are watched by one epoll descriptor, which is what baton_fd answers. */
#ifndef HANDLER_H
#define HANDLER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "baton_handler.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { REGISTER = 1, ACK, DONE, PONG, PASS, CAPACITY, DRAIN, STATUS, NACK };
enum { WELCOME = 16, BATON, PING, SUPERVISOR_DRAIN, REJECT, PASSED };
enum {
    VERSION = 1,
    HEADER = 16,
    LONGEST_MESSAGE = 65536,
    LONGEST_DRAINED = 61440,
    LONGEST_NAME = 255,
    LONGEST_PROXY_HEADER = 536,
    LONGEST_TEXT = 1024,
    BATCH = 64,          /* batons read before one ACK; no more ever stand unacknowledged */
    IDS_A_MESSAGE = 512, /* connections named by one DONE */
    PASSES_AT_ONCE = 32, /* unanswered; Baton reads no more from who leaves 64 answers unread */
    RETRY_SEND = 10      /* milliseconds after the kernel was short of memory */
};

/* The ids of PASS for connections that the supervisor does not count as ours. */
#define ELSEWHERE (UINT64_C(1) << 63)

struct header {
    uint32_t length;
    uint16_t type;
    uint16_t flags;
    uint64_t id;
};

/* What the library keeps with a connection; the public part comes first, so that the one is the other. */
struct entry {
    struct baton_connection public;
    struct entry *next;
    uint64_t id;
    uint64_t channel; /* the one it came over (the handler's count); 0 when the supervisor counts it no more */
    uint64_t pass_id;
    char *target;    /* where it is to be passed */
    char *refusal;   /* what public.refusal shows, if it is ours to free */
    void *put_back;  /* by baton_unread, with what was drained behind it */
    int is_passing;  /* from baton_pass to its outcome (under lock) */
    int is_awaited;  /* by a thread in baton_pass */
    int is_given_up; /* baton_end was called meanwhile */
    int error;       /* errno of a refusal */
    unsigned char storage[];
};

struct queue {
    struct entry *first, *last;
};

/* queue.c */
void baton_push(struct queue *queue, struct entry *entry);
struct entry *baton_pop(struct queue *queue);
/* The one whose PASS has this id; answers come in the order of the PASSes, so it is mostly the first. */
struct entry *baton_remove(struct queue *queue, uint64_t pass_id);

struct outbox {
    uint64_t *done; /* ids; there is always room for every connection held */
    size_t done_count, done_room;
    uint64_t nack, ack; /* 0: none */
    const char *nack_reason;
    int pong;
    uint64_t pong_id;
    struct queue passes;
    int set_capacity, set_status, drain;
};

struct baton_handler {
    int epoll, wake, timer;
    uint16_t traits;
    int reconnects;
    int is_served; /* by baton_serve: a lost channel is a line on standard error */
    char service[LONGEST_NAME + 1];
    char *runtime_directory; /* NULL: the default */

    pthread_mutex_t lock;
    pthread_cond_t settled; /* a PASS that a thread awaits has its outcome */
    /* Under lock. */
    pthread_t reader;
    int is_awake;       /* the eventfd is set */
    int is_open;        /* there is a channel */
    int is_draining;    /* for good: asked by the program, or by the supervisor if we do not reconnect */
    int is_leaving;     /* the supervisor asked to drain this channel */
    size_t held;        /* connections that have come and not ended */
    size_t held_here;   /* those that came over this channel */
    uint64_t channels;  /* rises when one is opened and when it ends */
    uint64_t own_ids;   /* given to PASS */
    struct outbox outbox;
    struct queue passing; /* PASS sent, not answered */
    unsigned passing_count;
    uint32_t capacity;
    char *status;

    /* The reader's only. */
    int channel;
    int over;
    unsigned attempts;     /* to register since it was last welcome */
    struct queue received; /* not acknowledged yet */
    struct queue ready;    /* acknowledged, or passed with an outcome, not yet asked for */
    size_t received_count;
    uint32_t watched; /* what the channel is watched for */
    char error[LONGEST_TEXT + 64];
    unsigned char buffer[LONGEST_MESSAGE];
};

/* channel.c: the socket. */
enum sending {
    SENT,
    FULL,      /* try again when it is writable */
    SHORT,     /* the kernel is short of memory: try again in a moment */
    UNSENDABLE, /* the descriptor that goes with it cannot be sent; see errno */
    BROKEN
};
int baton_channel_adopt(const char *number);
int baton_channel_connect(const char *runtime_directory, int flags);
enum sending baton_channel_send(int channel, const struct header *header, const struct iovec *body, int parts, int fd);

/* registration.c: from one channel to the next. */
int baton_register(struct baton_handler *handler, int channel);
/* Before any channel: try again later. */
void baton_retry_later(struct baton_handler *handler, const char *why);
/* The timer has gone off, or somebody wants to know whether it is over. */
void baton_retry(struct baton_handler *handler, int is_due);
/* Closes the channel; then the handler is over, or registers again. */
void baton_leave(struct baton_handler *handler, const char *error);
void baton_watch(struct baton_handler *handler, uint32_t interest);
void baton_set_timer(struct baton_handler *handler, unsigned milliseconds);

/* outbox.c: sends what waits. Under lock. */
enum sending baton_flush(struct baton_handler *handler);
void baton_wake(struct baton_handler *handler);

/* inbox.c. 1: took a message; 0: there is none now; -1: the channel is over. */
int baton_receive(struct baton_handler *handler);

/* exchange.c: writes what waits and reads what is there, or only until something is ready. */
void baton_exchange(struct baton_handler *handler, int reads_on);

/* handler.c: baton_open. */
struct baton_handler *baton_make(const struct baton_options *options, int is_served);

/* pass.c: under lock. `refusal` is NULL when the connection was taken; errno goes with it. */
void baton_settle(struct baton_handler *handler, struct entry *entry, const char *refusal, int error);

/* connection.c: what is left of one that is closed or not ours to shut down. */
void baton_free(struct entry *entry);
/* Under lock: its place is given back. */
void baton_retire(struct baton_handler *handler, struct entry *entry);

#endif
