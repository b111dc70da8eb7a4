/*
 * Reading options by a table: one function for each kind of value, all with the same shape, and one
 * walk over the arguments. Neighbours: main.c (torcd's own table), plugins/ (theirs).
 */
#include "torcd/options.h"

#include <torc/slice.h>
#include <torc/time.h>

#include <string.h>

typedef struct reading {
    const torcd_option *option;
    void *member;
    const char *text; /* the value given */
    char *error;
} reading;

static bool refuse(const reading *now, const char *wanted)
{
    snprintf(
        now->error, TORCD_ERROR_MAX, "--%s: '%s' is not %s", now->option->name, now->text, wanted);
    return false;
}

static bool store_within(const reading *now, int64_t number, int64_t unit, const char *unit_name)
{
    const torcd_option *option = now->option;
    int64_t maximum = option->maximum != 0 ? option->maximum : INT64_MAX;

    if (number < option->minimum || number > maximum) {
        char wanted[128];

        if (maximum == INT64_MAX)
            snprintf(wanted, sizeof(wanted), "%lld or more%s",
                (long long)(option->minimum / unit), unit_name);
        else
            snprintf(wanted, sizeof(wanted), "between %lld and %lld%s",
                (long long)(option->minimum / unit), (long long)(maximum / unit), unit_name);
        return refuse(now, wanted);
    }
    memcpy(now->member, &number, sizeof(number));
    return true;
}

static bool read_number(const reading *now)
{
    uint64_t number;

    if (!torc_slice_to_number(torc_slice_of(now->text), INT64_MAX, &number))
        return refuse(now, "a number; give digits only, as in 8080");
    return store_within(now, (int64_t)number, 1, "");
}

static bool read_size(const reading *now)
{
    static const char units[] = "KMG";
    torc_slice text = torc_slice_of(now->text);
    unsigned shift = 0;
    uint64_t number;

    if (text.length != 0) {
        const char *unit = strchr(units, text.data[text.length - 1]);

        if (unit != NULL && *unit != '\0') {
            shift = 10 * (unsigned)(unit - units + 1);
            text.length--;
        }
    }
    if (!torc_slice_to_number(text, (uint64_t)INT64_MAX >> shift, &number))
        return refuse(now, "a size; give bytes, or a number with K, M or G, as in 64K");
    return store_within(now, (int64_t)(number << shift), 1, " bytes");
}

static bool read_seconds(const reading *now)
{
    torc_slice text = torc_slice_of(now->text);
    size_t point = torc_slice_find_byte(text, '.');
    torc_slice digits = torc_slice_skip(text, point + 1);
    uint64_t whole;
    uint64_t part = 0;
    torc_time unit = TORC_SECOND;

    for (size_t i = 0; i < digits.length && i < 10; i++)
        unit /= 10;
    if (!torc_slice_to_number(torc_slice_first(text, point), 1000000000, &whole) ||
        digits.length > 9 ||
        (point < text.length && !torc_slice_to_number(digits, 999999999, &part)))
        return refuse(now, "a time in seconds, as in 10 or 0.5");
    return store_within(
        now, (int64_t)whole * TORC_SECOND + (int64_t)part * unit, TORC_SECOND, " seconds");
}

static bool read_text(const reading *now)
{
    memcpy(now->member, &now->text, sizeof(now->text));
    return true;
}

static bool add_text(const reading *now)
{
    torcd_texts *texts = now->member;

    if (texts->count == TORCD_TEXTS_MAX) {
        snprintf(now->error, TORCD_ERROR_MAX, "--%s may be given at most %d times",
            now->option->name, TORCD_TEXTS_MAX);
        return false;
    }
    texts->items[texts->count++] = now->text;
    return true;
}

static bool read_value(const reading *now)
{
    switch (now->option->kind) {
    case TORCD_TEXT:
        return read_text(now);
    case TORCD_NUMBER:
        return read_number(now);
    case TORCD_SIZE:
        return read_size(now);
    case TORCD_SECONDS:
        return read_seconds(now);
    case TORCD_TEXTS:
        return add_text(now);
    case TORCD_FLAG:
        break;
    }
    return false;
}

static const torcd_option *find_option(const torcd_option *options, torc_slice name)
{
    for (; options->name != NULL; options++) {
        if (torc_slice_is(name, options->name))
            return options;
    }
    return NULL;
}

/* Gives how many arguments the option took: 1 or 2, or -1. */
static int read_option(
    const torcd_option *options, void *values, char *const *arguments, char *error)
{
    torc_slice given = torc_slice_of(arguments[0] + 2);
    torc_slice name = torc_slice_first(given, torc_slice_find_byte(given, '='));
    bool attached = name.length < given.length;
    const torcd_option *option = find_option(options, name);
    reading now = { .option = option, .error = error };

    if (option == NULL) {
        snprintf(error, TORCD_ERROR_MAX, "there is no option --%.*s; --help lists what there is",
            TORC_FMT(name));
        return -1;
    }
    now.member = (char *)values + option->offset;
    if (option->kind == TORCD_FLAG) {
        if (attached) {
            snprintf(error, TORCD_ERROR_MAX, "--%s takes no value", option->name);
            return -1;
        }
        *(bool *)now.member = true;
        return 1;
    }
    now.text = attached ? name.data + name.length + 1 : arguments[1];
    if (now.text == NULL) {
        snprintf(error, TORCD_ERROR_MAX, "--%s needs a value: --%s %s", option->name, option->name,
            option->value);
        return -1;
    }
    if (!read_value(&now))
        return -1;
    return attached ? 1 : 2;
}

int torcd_options_read(const torcd_option *options, void *values, char *const *arguments,
    char error[TORCD_ERROR_MAX])
{
    int index = 0;

    while (arguments[index] != NULL && arguments[index][0] == '-') {
        int taken;

        if (strcmp(arguments[index], "--") == 0)
            return index + 1;
        if (arguments[index][1] != '-') {
            snprintf(error, TORCD_ERROR_MAX,
                "'%s' is no option: they begin with two dashes; --help lists them",
                arguments[index]);
            return -1;
        }
        taken = read_option(options, values, arguments + index, error);
        if (taken < 0)
            return -1;
        index += taken;
    }
    return index;
}

void torcd_options_print(const torcd_option *options, FILE *file)
{
    for (; options->name != NULL; options++) {
        char left[64];

        snprintf(left, sizeof(left), "--%s%s%s", options->name, options->value != NULL ? " " : "",
            options->value != NULL ? options->value : "");
        fprintf(file, "  %-24s %s\n", left, options->help);
    }
}
