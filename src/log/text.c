/*
 * An event as a line of text, so that what a peer sends can neither forge a line nor reach the
 * terminal that shows it: whatever is not printable UTF-8 is shown as \xNN, and the further
 * lines of a message, and only those, begin with a tab.
 */
#include "log/log.h"

#include "base/text_writer.h"

#include <time.h>

#define STAMP_MAX 64

/* A second's text is made once: localtime_r takes a lock and costs more than all the rest. */
static const char *stamp(torc_time wall_time)
{
    static _Thread_local char text[STAMP_MAX];
    static _Thread_local time_t text_second;
    time_t second = (time_t)(wall_time / TORC_SECOND - (wall_time % TORC_SECOND < 0 ? 1 : 0));
    struct tm local;

    if (text[0] != '\0' && second == text_second)
        return text;
    if (localtime_r(&second, &local) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S%z", &local) == 0)
        memcpy(text, "-", 2);
    text_second = second;
    return text;
}

/* U+0080 to U+009F: control characters too, which some terminals obey. */
static bool is_high_control(const char *character, size_t length)
{
    return length == 2 && (unsigned char)character[0] == 0xC2 && (unsigned char)character[1] < 0xA0;
}

static bool is_control(char byte)
{
    return (unsigned char)byte < 0x20 || byte == 0x7F;
}

/* How many bytes at the front are shown as they are. */
static size_t plain_length(torc_slice text)
{
    size_t plain = 0;

    while (plain < text.length) {
        torc_slice rest = torc_slice_skip(text, plain);
        size_t length = torc__utf8_character(rest);

        if (length == 0 || is_control(rest.data[0]) || is_high_control(rest.data, length))
            break;
        plain += length;
    }
    return plain;
}

static void append_shown(torc__text_writer *writer, torc_slice text)
{
    while (text.length > 0) {
        size_t plain = plain_length(text);

        torc__text_append(writer, torc_slice_first(text, plain));
        text = torc_slice_skip(text, plain);
        if (text.length == 0)
            break;
        if (text.data[0] == '\n')
            torc__text_append(writer, TORC_SLICE("\n\t"));
        else
            torc__text_printf(writer, "\\x%02x", (unsigned int)(unsigned char)text.data[0]);
        text = torc_slice_skip(text, 1);
    }
}

size_t torc_log_format(const torc_log_event *event, char *text, size_t size)
{
    torc_slice message = event->message;
    torc__text_writer writer;

    while (message.length > 0 && message.data[message.length - 1] == '\n')
        message.length--;
    torc__text_writer_init(&writer, text, size);
    torc__text_printf(&writer, "%s [", stamp(event->wall_time));
    append_shown(&writer, torc_slice_of(event->context));
    torc__text_append(&writer, TORC_SLICE("] "));
    append_shown(&writer, message);
    torc__text_append(&writer, TORC_SLICE("\n"));
    return torc__text_finish(&writer);
}
