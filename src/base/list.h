/*
 * list: doubly linked, intrusive, circular. The head is a node that belongs to no object; a node
 * that is in no list is zeroed or points to itself.
 */
#ifndef TORC_BASE_LIST_H
#define TORC_BASE_LIST_H

#include <torc/macros.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct torc__list {
    struct torc__list *next;
    struct torc__list *previous;
} torc__list;

static inline void torc__list_init(torc__list *head)
{
    head->next = head;
    head->previous = head;
}

static inline bool torc__list_is_empty(const torc__list *head)
{
    return head->next == head;
}

static inline bool torc__list_is_linked(const torc__list *node)
{
    return node->next != NULL && node->next != node;
}

static inline void torc__list_append(torc__list *head, torc__list *node)
{
    node->next = head;
    node->previous = head->previous;
    head->previous->next = node;
    head->previous = node;
}

/* A no-op on a node that is in no list. */
static inline void torc__list_remove(torc__list *node)
{
    if (node->next == NULL)
        return;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = NULL;
    node->previous = NULL;
}

/* Takes the first node out; NULL when there is none. */
static inline torc__list *torc__list_take_first(torc__list *head)
{
    torc__list *node = head->next;

    if (node == head)
        return NULL;
    torc__list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the empty list `to`. */
static inline void torc__list_move(torc__list *from, torc__list *to)
{
    torc__list_init(to);
    if (torc__list_is_empty(from))
        return;
    to->next = from->next;
    to->previous = from->previous;
    to->next->previous = to;
    to->previous->next = to;
    torc__list_init(from);
}

#endif /* TORC_BASE_LIST_H */
