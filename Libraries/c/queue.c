/* Connections in the order in which they came. */
#include "handler.h"

void baton_push(struct queue *queue, struct entry *entry) {
    entry->next = NULL;
    if (queue->last)
        queue->last->next = entry;
    else
        queue->first = entry;
    queue->last = entry;
}

struct entry *baton_pop(struct queue *queue) {
    struct entry *entry = queue->first;
    if (entry && !(queue->first = entry->next))
        queue->last = NULL;
    return entry;
}

struct entry *baton_remove(struct queue *queue, uint64_t pass_id) {
    struct entry *before = NULL, *entry = queue->first;
    while (entry && entry->pass_id != pass_id) {
        before = entry;
        entry = entry->next;
    }
    if (!entry || !before)
        return entry ? baton_pop(queue) : NULL;
    before->next = entry->next;
    if (queue->last == entry)
        queue->last = before;
    return entry;
}
