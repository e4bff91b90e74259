/* baton_serve: a thread for each connection, as many as are needed and no more than asked for. */
#include "handler.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
        struct entry *entry = baton_pop(&pool->queue);
        if (!entry)
            break;
        pool->queued--;
        pthread_mutex_unlock(&pool->lock);
        pool->serve(&entry->public, pool->context);
        baton_end(&entry->public);
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
    baton_push(&pool->queue, (struct entry *)connection);
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
    struct baton_handler *handler = baton_make(&options, 1);
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
            baton_end(connection);
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

