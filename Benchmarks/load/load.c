/* A load generator: `load CONCURRENCY SECONDS ADDRESS`.
 *
 * Keeps CONCURRENCY connections going for SECONDS: each asks a question of its own, and its answer must be right to
 * the last byte and to the end of the stream. Prints one line of JSON: how many, how fast, and what became of every
 * one that was not answered. Exits 0 whatever became of them. */
#include "client.h"
#include "clock.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST_CLIENTS = 10000, EVENTS = 256, TIMEOUT_SECONDS = 10 };
static const uint64_t SECOND = 1000000000;

struct load {
    struct run run;
    struct client *clients;
    unsigned count, open;
    int epoll;
    uint64_t begin;
    double seconds;
};

static void begin_all(struct load *load)
{
    for (unsigned index = 0; index < load->count; index++) {
        load->clients[index].fd = -1;
        load->clients[index].epoll = load->epoll;
        client_begin(&load->clients[index], &load->run);
        load->open++;
    }
}

/* Gives up what has taken too long. */
static void look_at_the_clock(struct load *load, uint64_t time)
{
    for (unsigned index = 0; index < load->count; index++) {
        struct client *client = &load->clients[index];
        if (!client->is_open || time < client->begin + TIMEOUT_SECONDS * SECOND)
            continue;
        client_time_out(client, &load->run);
        load->open--;
    }
}

/* What is over makes room for the next. */
static void go_on(struct load *load, struct client *client, uint32_t events)
{
    if (!client->is_open || !client_go_on(client, &load->run, events))
        return;
    if (now() < load->run.end)
        client_begin(client, &load->run);
    else
        load->open--;
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS];
    begin_all(load);
    uint64_t looked = load->begin;
    while (load->open > 0) {
        int count = epoll_wait(load->epoll, events, EVENTS, 1000);
        for (int index = 0; index < count; index++)
            go_on(load, events[index].data.ptr, events[index].events);
        uint64_t time = now();
        if (time >= looked + SECOND) {
            look_at_the_clock(load, time);
            looked = time;
        }
    }
}

/* The rate is that of the seconds that were asked for: who lets one client wait for long shows it in the latency. */
static void report(const struct load *load)
{
    const struct tally *tally = &load->run.tally;
    const struct histogram *latency = &tally->latency;
    printf("{\"connections\":%" PRIu64 ",\"seconds\":%.4f,\"rate\":%.1f,", tally->begun,
           (double)(now() - load->begin) / (double)SECOND, (double)tally->in_time / load->seconds);
    printf("\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,",
           (double)histogram_quantile(latency, 0.50) / 1e3, (double)histogram_quantile(latency, 0.90) / 1e3,
           (double)histogram_quantile(latency, 0.99) / 1e3, (double)latency->longest / 1e3);
    printf("\"answered\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"lost\":{\"refused\":%" PRIu64 ",\"reset\":%" PRIu64
           ",\"short\":%" PRIu64 ",\"timed_out\":%" PRIu64 "}}\n",
           tally->answered, tally->wrong, tally->refused, tally->reset, tally->short_, tally->timed_out);
}

static void usage(void)
{
    fprintf(stderr, "usage: load CONCURRENCY SECONDS HOST:PORT|PATH\n");
    exit(64);
}

int main(int count, char **arguments)
{
    static struct load load;
    if (count != 4 || target_parse(arguments[3], &load.run.target) != 0)
        usage();
    unsigned long clients = strtoul(arguments[1], NULL, 10);
    load.seconds = strtod(arguments[2], NULL);
    if (clients == 0 || clients > MOST_CLIENTS || !(load.seconds > 0 && load.seconds < 86400))
        usage();
    load.count = (unsigned)clients;
    load.clients = calloc(clients, sizeof *load.clients);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!load.clients || load.epoll < 0)
        err(71, "load");
    load.begin = now();
    load.run.end = load.begin + (uint64_t)(load.seconds * (double)SECOND);
    load.run.nonce = load.begin ^ (uint64_t)getpid() << 48;
    run(&load);
    report(&load);
    free(load.clients);
    close(load.epoll);
    return 0;
}
