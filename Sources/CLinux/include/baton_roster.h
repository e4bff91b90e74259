#ifndef BATON_ROSTER_H
#define BATON_ROSTER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The roster: what lives on when its writer is killed, in memory that another process holds too. It is a head of a
 * page, and entries of one size behind it, of any kind in any order.
 *
 * The writer may be killed between any two instructions, so an entry has its kind only while the rest of it is whole.
 * Nothing else is asked of the order: who reads does so when the writer is gone. So it is the compiler that must keep it,
 * and no more than that. */

enum { BATON_ROSTER_HEAD = 4096, BATON_ROSTER_ENTRY = 128, BATON_ROSTER_VERSION = 1 };
#define BATON_ROSTER_MAGIC 0x7265747361726221u

enum baton_roster_kind {
    BATON_ROSTER_FREE,
    BATON_ROSTER_HANDLER,
    BATON_ROSTER_CONNECTION,   /* that a handler has */
    BATON_ROSTER_PROCESS,      /* with a connection of its own */
    BATON_ROSTER_WAIT_PROCESS, /* with a listening socket */
    BATON_ROSTER_LOG,          /* what handlers write their standard error to */
};

struct baton_roster_head {
    uint64_t magic;
    uint32_t version;
    uint32_t entry_size;
    uint64_t used; /* Entries; those behind were never written. */
    uint64_t last_connection;
    uint64_t last_handler;
};

/* `struct SocketAddress` of Swift; 0 is none. Of a name what fits. */
struct baton_roster_address {
    uint8_t kind;
    uint8_t length; /* of a name */
    uint16_t port;
    uint32_t scope; /* of IPv6; the port of vsock */
    uint8_t bytes[16];
};

/* Names are told by their hashes. */
struct baton_roster_origin {
    uint64_t number;
    int64_t accepted[2]; /* `Duration` of Swift as it lies in memory */
    uint64_t listener;
    uint64_t cookie; /* 0: not known */
    uint8_t transport;
    uint8_t flags;
    uint8_t passes;
    uint8_t deliveries;
    uint8_t source_kind;
    uint8_t source_length;
    uint8_t spare[2];
    struct baton_roster_address peer;
    struct baton_roster_address stated_local;
    uint32_t source;
    uint32_t spare_too;
};

struct baton_roster_connection {
    uint32_t kind;
    uint32_t is_passed; /* Its handler waits to hear who gets it. */
    uint64_t handler;
    uint64_t id;
    struct baton_roster_origin origin;
};

struct baton_roster_process {
    uint32_t kind;
    int32_t pid;
    uint64_t service;
    int64_t began; /* nanoseconds */
    struct baton_roster_origin origin;
};

struct baton_roster_handler {
    uint32_t kind;
    int32_t pid;
    uint64_t number;
    uint64_t service;
    int64_t began; /* nanoseconds */
    uint64_t sent; /* the last id */
    uint64_t acknowledged;
    uint32_t slot;
    uint32_t capacity;
    uint16_t traits;
    uint16_t life; /* its state, and flags */
    uint8_t is_supervised;
    uint8_t is_read; /* A message of it is being taken. */
    uint8_t is_sent_to;
    uint8_t spare[65];
};

struct baton_roster_log {
    uint32_t kind;
    uint32_t spare;
    uint64_t number;
    uint64_t service;
    uint8_t spare_too[104];
};

#define BATON_ROSTER_FITS(type) _Static_assert(sizeof(struct type) == BATON_ROSTER_ENTRY, #type)
BATON_ROSTER_FITS(baton_roster_connection);
BATON_ROSTER_FITS(baton_roster_process);
BATON_ROSTER_FITS(baton_roster_handler);
BATON_ROSTER_FITS(baton_roster_log);

/* A memfd of a head and `count` entries whose size nobody can change; -1 and errno. */
int baton_roster_create(size_t count);

/* What one was made with; -1 and errno, EINVAL if it is none. */
int baton_roster_map(int descriptor, void **mapped, size_t *count);
void baton_roster_unmap(void *mapped, size_t count);

static inline void baton_roster_barrier(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

/* What lies behind `entry` becomes the entry at `place`, which is free. */
static inline void baton_roster_write(void *place, const void *entry)
{
    uint64_t first;
    memcpy(&first, entry, sizeof first);
    memcpy((char *)place + sizeof first, (const char *)entry + sizeof first, BATON_ROSTER_ENTRY - sizeof first);
    baton_roster_barrier();
    __atomic_store_n((uint64_t *)place, first, __ATOMIC_RELAXED);
    baton_roster_barrier();
}

static inline void baton_roster_free(void *place)
{
    baton_roster_barrier();
    __atomic_store_n((uint64_t *)place, 0, __ATOMIC_RELAXED);
    baton_roster_barrier();
}

/* One field: what the program does before it is done before, and what it does behind it, behind. */
static inline void baton_roster_set(uint64_t *field, uint64_t value)
{
    baton_roster_barrier();
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
    baton_roster_barrier();
}

static inline void baton_roster_set_word(uint32_t *field, uint32_t value)
{
    baton_roster_barrier();
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
    baton_roster_barrier();
}

static inline void baton_roster_set_half(uint16_t *field, uint16_t value)
{
    baton_roster_barrier();
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
    baton_roster_barrier();
}

static inline void baton_roster_mark(uint8_t *field, uint8_t value)
{
    baton_roster_barrier();
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
    baton_roster_barrier();
}

#endif
