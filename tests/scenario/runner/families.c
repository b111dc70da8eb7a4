/*
 * The families that there are, and what their tables have in common: looking up, and options.
 */
#include "scenario/runner/family.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

extern const torcs_family example_family;
extern const torcs_family line_family;
extern const torcs_family web_family;

static const torcs_family *const families[] = {
    &example_family, &line_family, &web_family,
};

const torcs_family *family_at(size_t index)
{
    return index < sizeof(families) / sizeof(families[0]) ? families[index] : NULL;
}

const torcs_family *family_named(torc_slice name)
{
    for (size_t i = 0; family_at(i) != NULL; i++)
        if (torc_slice_is(name, family_at(i)->name))
            return family_at(i);
    return NULL;
}

static const torcs_verb *find(const torcs_verb *table, torc_slice name)
{
    for (; table->name != NULL; table++)
        if (torc_slice_is(name, table->name))
            return table;
    return NULL;
}

const torcs_verb *verb_named(const torcs_family *family, torc_slice name)
{
    const torcs_verb *found = find(common_verbs, name);

    return found != NULL || family == NULL ? found : find(family->verbs, name);
}

/* -- options ------------------------------------------------------------------------------- */

static const torcs_option *option_named(const torcs_family *family, torc_slice name)
{
    for (const torcs_option *option = family->options; option->name != NULL; option++)
        if (torc_slice_is(name, option->name))
            return option;
    return NULL;
}

static bool set_option(const torcs_option *option, torc_slice value, const char *word, void *place)
{
    uint64_t number;

    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return value.data == NULL;
    case OPTION_NUMBER:
        if (!torc_slice_to_number(value, SIZE_MAX, &number))
            return false;
        *(size_t *)place = (size_t)number;
        return true;
    case OPTION_TIME:
        return duration_parse(value, place);
    case OPTION_WORD:
        *(const char **)place = word + strlen(option->name) + 1;
        return value.length > 0;
    }
    return false;
}

bool family_configure(const torcs_family *family, const char *const *words, size_t count,
    void *settings, torcs_bytes *error)
{
    static const char *const forms[] = { "a bare word", "=NUMBER", "=TIME, as in 5s", "=TEXT" };

    for (size_t i = 0; i < count; i++) {
        torc_slice word = torc_slice_of(words[i]);
        size_t length = torc_slice_find_byte(word, '=');
        torc_slice value = torc_slice_make(NULL, 0);
        const torcs_option *option = option_named(family, torc_slice_first(word, length));

        if (option == NULL) {
            bytes_printf(error, "server %s has no option '%s'; --verbs lists them", family->name,
                words[i]);
            return false;
        }
        if (length < word.length)
            value = torc_slice_skip(word, length + 1);
        if (!set_option(option, value, words[i], (char *)settings + option->offset)) {
            bytes_printf(error, "'%s': %s takes %s", words[i], option->name, forms[option->kind]);
            return false;
        }
    }
    return true;
}

/* -- commands ------------------------------------------------------------------------------ */

void command_add(torcs_command *self, const char *word)
{
    if (self->count == COMMAND_MAX) {
        fputs("torc-scenario: a command with too many words\n", stderr);
        abort();
    }
    self->words[self->count++] = word;
}

void command_printf(torcs_command *self, const char *format, ...)
{
    char *text = self->text + self->text_length;
    size_t room = sizeof(self->text) - self->text_length;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        fputs("torc-scenario: a command that is too long\n", stderr);
        abort();
    }
    self->text_length += (size_t)length + 1;
    command_add(self, text);
}

void family_add_flags(const torcs_family *family, const void *settings, torcs_command *command)
{
    for (const torcs_option *option = family->options; option->name != NULL; option++) {
        const char *place = (const char *)settings + option->offset;

        if (option->flag == NULL)
            continue;
        if (option->kind == OPTION_FLAG && *(const bool *)place)
            command_add(command, option->flag);
        if (option->kind == OPTION_NUMBER && *(const size_t *)(const void *)place != 0) {
            command_add(command, option->flag);
            command_printf(command, "%zu", *(const size_t *)(const void *)place);
        }
        if (option->kind == OPTION_TIME && *(const torc_time *)(const void *)place != 0) {
            command_add(command, option->flag);
            command_printf(command, "%g",
                (double)*(const torc_time *)(const void *)place / (double)TORC_SECOND);
        }
        if (option->kind == OPTION_WORD && *(const char *const *)(const void *)place != NULL) {
            command_add(command, option->flag);
            command_add(command, *(const char *const *)(const void *)place);
        }
    }
}
