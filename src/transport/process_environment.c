/*
 * The environment of a child: pointers to the user's strings and ours, in one new list.
 */
#include "transport/process_setup.h"

#include "base/memory.h"

#include <string.h>
#include <unistd.h>

const char *const *torc__environment_own(void)
{
    return (const char *const *)(const void *)environ;
}

static size_t count(const char *const *list)
{
    size_t length = 0;

    while (list != NULL && list[length] != NULL)
        length++;
    return length;
}

static bool names(const char *variable, const char *entry)
{
    size_t length = strcspn(variable, "=");

    return strncmp(variable, entry, length) == 0 && entry[length] == '=';
}

static bool is_named_in(const char *const *variables, const char *entry)
{
    for (; *variables != NULL; variables++)
        if (names(*variables, entry))
            return true;
    return false;
}

const char **torc__environment_with(
    const char *const *base, const char *const *variables)
{
    const char **list;
    size_t length = 0;

    if (base == NULL)
        base = torc__environment_own();
    list = torc__allocate((count(base) + count(variables) + 1) * sizeof *list);
    if (list == NULL)
        return NULL;
    for (; base != NULL && *base != NULL; base++)
        if (!is_named_in(variables, *base))
            list[length++] = *base;
    for (; *variables != NULL; variables++)
        if (strchr(*variables, '=') != NULL)
            list[length++] = *variables;
    list[length] = NULL;
    return list;
}
