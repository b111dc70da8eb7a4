/*
 * What was expected beside what came, in a form that shows where they part.
 */
#include <torc/testing.h>

#include <ctype.h>
#include <stdio.h>

/* So many bytes are shown of each, beginning a little before the first that differs. */
enum { SHOWN_MAX = 200, SHOWN_BEFORE = 40 };

/* As a C string literal would have it; at least five bytes of room are left for the rest. */
static size_t show_byte(unsigned char byte, char *text)
{
    static const char *const escapes = "\nn\rr\tt\"\"\\\\";

    for (const char *escape = escapes; *escape != '\0'; escape += 2)
        if (byte == (unsigned char)escape[0])
            return (size_t)sprintf(text, "\\%c", escape[1]);
    if (byte < 0x80 && isprint(byte))
        return (size_t)sprintf(text, "%c", byte);
    return (size_t)sprintf(text, "\\x%02x", byte);
}

static const char *show(torc_slice bytes, size_t from, char text[4 * SHOWN_MAX + 16])
{
    size_t used = (size_t)sprintf(text, "%s\"", from > 0 ? "…" : "");
    torc_slice shown = torc_slice_first(torc_slice_skip(bytes, from), SHOWN_MAX);

    for (size_t i = 0; i < shown.length; i++)
        used += show_byte((unsigned char)shown.data[i], text + used);
    sprintf(text + used, "\"%s", from + shown.length < bytes.length ? "…" : "");
    return text;
}

static size_t first_difference(torc_slice a, torc_slice b)
{
    size_t i = 0;

    while (i < a.length && i < b.length && a.data[i] == b.data[i])
        i++;
    return i;
}

void torc_test_expect_at(torc_test *test, torc_slice expected, torc_place place)
{
    char expected_text[4 * SHOWN_MAX + 16];
    char got_text[4 * SHOWN_MAX + 16];
    torc_slice got = torc_test_take(test);
    size_t differs = first_difference(expected, got);
    size_t from = differs > SHOWN_BEFORE ? differs - SHOWN_BEFORE : 0;

    if (torc_slice_equal(expected, got))
        return;
    torc_testing_failed("%s:%d: the protocol did not send what was expected\n"
        "  expected %6zu bytes: %s\n  got      %6zu bytes: %s\n  they differ from byte %zu on",
        place.file, place.line, expected.length, show(expected, from, expected_text), got.length,
        show(got, from, got_text), differs);
}
