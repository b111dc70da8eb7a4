/*
 * The page of a directory. Everything is written through `put`, which only counts when there is
 * nowhere to write to: so the size and the page come from the same code and cannot differ.
 *
 * Links are relative, so that the page also works below a prefix that a proxy has taken off. Names
 * stand in <bdi>, so that one written from right to left does not turn its neighbours round.
 */
#include "web/directory_listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "web/http_date.h"
#include "web/url_path.h"

typedef struct page {
    char *out; /* NULL: count only */
    size_t length;
} page;

static const char style[] =
    ":root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--text:#1c2128;--dim:#667080;"
    "--line:#e4e7ec;--hover:#f0f4fa;--link:#0b57d0;--folder:#d9971a;--file:#8a94a3}"
    "@media(prefers-color-scheme:dark){:root{--bg:#101317;--card:#181c22;--text:#e3e7ec;"
    "--dim:#929cab;--line:#2a3038;--hover:#202731;--link:#8ab4f8;--folder:#e5b454;--file:#7d8795}}"
    "*{box-sizing:border-box}"
    "body{margin:0;padding:2rem 1rem;background:var(--bg);color:var(--text);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}"
    "main{max-width:60rem;margin:0 auto}"
    "h1{margin:0 0 .25rem;font-size:1.375rem;font-weight:600;line-height:1.35;"
    "overflow-wrap:anywhere}"
    "h1 i{margin:0 .35em;color:var(--dim);font-style:normal;font-weight:400}"
    "p{margin:0 0 1.25rem;color:var(--dim);font-size:.875rem}"
    "a{color:var(--link);text-decoration:none}"
    "a:hover{text-decoration:underline}"
    "[aria-current]{color:inherit}"
    "a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:4px}"
    "svg{width:1.25em;height:1.25em;flex:none;fill:var(--file)}"
    ".home svg{vertical-align:-.2em;fill:currentColor}"
    "table{width:100%;border-collapse:separate;border-spacing:0;background:var(--card);"
    "border:1px solid var(--line);border-radius:12px;overflow:hidden}"
    "th{padding:.6rem 1rem;color:var(--dim);font-size:.75rem;font-weight:600;text-align:left;"
    "letter-spacing:.04em;text-transform:uppercase}"
    "td{padding:0 1rem;border-top:1px solid var(--line)}"
    "tbody tr:hover{background:var(--hover)}"
    "td:first-child{padding:0;width:100%;overflow-wrap:anywhere}"
    "td a{display:flex;align-items:center;gap:.65rem;padding:.5rem 1rem}"
    ".d svg{fill:var(--folder)}"
    ".s,.t{white-space:nowrap;text-align:right}"
    "td.s,td.t{color:var(--dim);font-size:.875rem;font-variant-numeric:tabular-nums}"
    ".n{padding:1.5rem 1rem!important;color:var(--dim);text-align:center}"
    "@media(max-width:36rem){body{padding:1rem .5rem}h1,p{padding:0 .5rem}.t{display:none}}";

/* The pictures, once; each row refers to one of them. */
static const char symbols[] =
    "<svg style=\"display:none\" aria-hidden=\"true\">"
    "<symbol id=\"h\" viewBox=\"0 0 24 24\"><path d=\"M12 3 2.5 11.2l1.3 1.5L5 11.7V20a1 1 0 0 0 "
    "1 1h4.5v-6h3v6H18a1 1 0 0 0 1-1v-8.3l1.2 1 1.3-1.5z\"/></symbol>"
    "<symbol id=\"u\" viewBox=\"0 0 24 24\"><path d=\"M11 20V7.8l-5.6 5.6L4 12l8-8 8 8-1.4 1.4L13 "
    "7.8V20z\"/></symbol>"
    "<symbol id=\"d\" viewBox=\"0 0 24 24\"><path d=\"M4 4a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h16a2 2 0 "
    "0 0 2-2V8a2 2 0 0 0-2-2h-8l-2-2z\"/></symbol>"
    "<symbol id=\"f\" viewBox=\"0 0 24 24\"><path d=\"M6 2a2 2 0 0 0-2 2v16a2 2 0 0 0 2 2h12a2 2 0 "
    "0 0 2-2V8l-6-6zm7 1.5L18.5 9H13z\"/></symbol></svg>";

static void put(page *target, torc_slice text)
{
    if (target->out != NULL && text.length > 0)
        memcpy(target->out + target->length, text.data, text.length);
    target->length += text.length;
}

static void put_text(page *target, const char *text)
{
    put(target, torc_slice_of(text));
}

static void put_number(page *target, uint64_t number)
{
    char digits[21];

    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    put_text(target, digits);
}

/*
 * Escapes in pieces, so that no name needs room on the heap. A character of UTF-8 is not cut: a
 * piece ends before a leading byte.
 */
static void put_escaped(page *target, torc_slice text)
{
    enum { PIECE = 64 };
    char room[TORC__HTML_ESCAPED_SIZE(PIECE)];

    while (text.length > 0) {
        size_t length = text.length < PIECE ? text.length : PIECE;

        while (length < text.length && length > PIECE - 4 &&
            ((unsigned char)text.data[length] & 0xc0) == 0x80)
            length--;
        put(target, torc_slice_make(room,
            torc__html_escape(torc_slice_first(text, length), room)));
        text = torc_slice_skip(text, length);
    }
}

static void put_encoded(page *target, torc_slice path)
{
    enum { PIECE = 64 };
    char room[TORC__URL_ENCODED_SIZE(PIECE)];

    while (path.length > 0) {
        torc_slice piece = torc_slice_first(path, PIECE);

        put(target, torc_slice_make(room, torc__url_encode_path(piece, room)));
        path = torc_slice_skip(path, piece.length);
    }
}

/* "832 B", "1.4 KiB", "27 MiB". */
static void put_size(page *target, uint64_t size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    char text[32];
    size_t unit = 0;
    uint64_t tenths = 0;

    for (; size >= 1024; unit++) {
        tenths = size % 1024 * 10 / 1024;
        size /= 1024;
    }
    if (unit > 0 && size < 10)
        (void)snprintf(text, sizeof(text), "%u.%u %s", (unsigned)size, (unsigned)tenths,
            units[unit]);
    else
        (void)snprintf(text, sizeof(text), "%u %s", (unsigned)size, units[unit]);
    put_text(target, text);
}

static unsigned month_number(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (unsigned month = 0; month < 12; month++)
        if (memcmp(names + (size_t)month * 3, name, 3) == 0)
            return month + 1;
    return 0;
}

/* "2026-11-21 07:19", put together from the date of HTTP, which knows the calendar. */
static void put_time(page *target, int64_t seconds)
{
    char date[TORC__HTTP_DATE_LENGTH + 1];
    char text[40];
    int length;

    torc__http_date_format(seconds, date);
    length = snprintf(text, sizeof(text), "%.4s-%02u-%.2s %.5s", date + 12, month_number(date + 8),
        date + 5, date + 17);
    put(target, torc_slice_make(text, (size_t)length));
}

static torc_slice shown_path(const torc__directory_listing *listing)
{
    return torc_slice_is(listing->path, ".") ? torc_slice_make("", 0) : listing->path;
}

/* Takes the first segment off the front. */
static torc_slice take_segment(torc_slice *path)
{
    size_t length = torc_slice_find_byte(*path, '/');
    torc_slice segment = torc_slice_first(*path, length);

    *path = torc_slice_skip(*path, length + 1);
    return segment;
}

static size_t count_segments(torc_slice path)
{
    size_t count = 0;

    for (; path.length > 0; count++)
        (void)take_segment(&path);
    return count;
}

static void put_title(page *target, torc_slice path)
{
    put_text(target, "<title>/");
    put_escaped(target, path);
    put_text(target, path.length > 0 ? "/</title>" : "</title>");
}

/* The way from the root to here: each folder on it is a link, but this one. */
static void put_breadcrumbs(page *target, torc_slice path)
{
    size_t below = count_segments(path);

    put_text(target, "<nav aria-label=\"Path\"><h1><a class=\"home\" href=\"");
    put_text(target, below == 0 ? "./" : "");
    for (size_t i = 0; i < below; i++)
        put_text(target, "../");
    put_text(target, "\" aria-label=\"Root\"><svg><use href=\"#h\"/></svg></a>");
    while (below-- > 0) {
        torc_slice segment = take_segment(&path);

        put_text(target, "<i>/</i><a href=\"");
        put_text(target, below == 0 ? "./\" aria-current=\"page" : "");
        for (size_t i = 0; i < below; i++)
            put_text(target, "../");
        put_text(target, "\"><bdi>");
        put_escaped(target, segment);
        put_text(target, "</bdi></a>");
    }
    put_text(target, "</h1></nav>\n");
}

static void put_count(page *target, size_t count, const char *one, const char *many)
{
    put_number(target, count);
    put_text(target, count == 1 ? one : many);
}

static void put_summary(page *target, const torc__directory_listing *listing)
{
    size_t folders = 0;
    uint64_t bytes = 0;

    for (size_t i = 0; i < listing->count; i++) {
        const torc__directory_entry *entry = &listing->entries[i];

        if (entry->is_directory)
            folders++;
        else
            bytes += entry->size;
    }
    put_text(target, "<p>");
    put_count(target, folders, " folder, ", " folders, ");
    put_count(target, listing->count - folders, " file", " files");
    if (folders < listing->count) {
        put_text(target, " (");
        put_size(target, bytes);
        put_text(target, ")");
    }
    put_text(target, "</p>\n");
}

static void put_parent(page *target)
{
    put_text(target, "<tr class=\"d\"><td><a href=\"../\"><svg><use href=\"#u\"/></svg>"
                     "Parent folder</a></td><td class=\"s\"></td><td class=\"t\"></td></tr>\n");
}

static void put_entry(page *target, const torc__directory_entry *entry)
{
    const char *slash = entry->is_directory ? "/" : "";

    put_text(target, entry->is_directory ? "<tr class=\"d\"><td><a href=\"" : "<tr><td><a href=\"");
    put_encoded(target, entry->name);
    put_text(target, slash);
    put_text(target, entry->is_directory ? "\"><svg><use href=\"#d\"/></svg><bdi>"
                                         : "\"><svg><use href=\"#f\"/></svg><bdi>");
    put_escaped(target, entry->name);
    put_text(target, slash);
    put_text(target, "</bdi></a></td><td class=\"s\"");
    if (!entry->is_directory) {
        put_text(target, " title=\"");
        put_number(target, entry->size);
        put_text(target, " bytes\">");
        put_size(target, entry->size);
    } else {
        put_text(target, ">");
    }
    put_text(target, "</td><td class=\"t\">");
    put_time(target, entry->modified);
    put_text(target, "</td></tr>\n");
}

static void put_note(page *target, const char *text)
{
    put_text(target, "<tr><td class=\"n\" colspan=\"3\">");
    put_text(target, text);
    put_text(target, "</td></tr>\n");
}

static void put_table(page *target, const torc__directory_listing *listing)
{
    put_text(target, "<table><thead><tr><th scope=\"col\">Name</th>"
                     "<th scope=\"col\" class=\"s\">Size</th>"
                     "<th scope=\"col\" class=\"t\">Modified (UTC)</th></tr></thead>\n<tbody>\n");
    if (shown_path(listing).length > 0)
        put_parent(target);
    for (size_t i = 0; i < listing->count; i++)
        put_entry(target, &listing->entries[i]);
    if (listing->count == 0)
        put_note(target, "This folder is empty.");
    if (listing->truncated)
        put_note(target, "There are more entries than can be shown here.");
    put_text(target, "</tbody></table>\n");
}

static void put_page(page *target, const torc__directory_listing *listing)
{
    torc_slice path = shown_path(listing);

    put_text(target, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    put_title(target, path);
    put_text(target, "\n<style>");
    put(target, torc_slice_make(style, sizeof(style) - 1));
    put_text(target, "</style>\n</head>\n<body>\n");
    put(target, torc_slice_make(symbols, sizeof(symbols) - 1));
    put_text(target, "\n<main>\n");
    put_breadcrumbs(target, path);
    put_summary(target, listing);
    put_table(target, listing);
    put_text(target, "</main>\n</body>\n</html>\n");
}

size_t torc__directory_listing_size(const torc__directory_listing *listing)
{
    page counter = { NULL, 0 };

    put_page(&counter, listing);
    return counter.length;
}

void torc__directory_listing_write(const torc__directory_listing *listing, char *out)
{
    page target = { out, 0 };

    put_page(&target, listing);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Takes a number off the front, without its leading zeros: then the longer is the greater. */
static torc_slice take_number(torc_slice *text)
{
    size_t length = 0;
    torc_slice number;

    while (text->length > 1 && text->data[0] == '0' && is_digit(text->data[1]))
        *text = torc_slice_skip(*text, 1);
    while (length < text->length && is_digit(text->data[length]))
        length++;
    number = torc_slice_first(*text, length);
    *text = torc_slice_skip(*text, length);
    return number;
}

static int compare_bytes(torc_slice a, torc_slice b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int difference = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

    if (difference != 0)
        return difference;
    return (a.length > b.length) - (a.length < b.length);
}

static int compare_numbers(torc_slice *a, torc_slice *b)
{
    torc_slice first = take_number(a);
    torc_slice second = take_number(b);

    if (first.length != second.length)
        return first.length < second.length ? -1 : 1;
    return compare_bytes(first, second);
}

static int small_letter(char byte)
{
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

static int compare_names(torc_slice a, torc_slice b)
{
    torc_slice whole_a = a;
    torc_slice whole_b = b;

    while (a.length > 0 && b.length > 0) {
        int difference;

        if (is_digit(a.data[0]) && is_digit(b.data[0])) {
            difference = compare_numbers(&a, &b);
        } else {
            difference = small_letter(a.data[0]) - small_letter(b.data[0]);
            a = torc_slice_skip(a, 1);
            b = torc_slice_skip(b, 1);
        }
        if (difference != 0)
            return difference;
    }
    if (a.length != b.length)
        return a.length < b.length ? -1 : 1;
    return compare_bytes(whole_a, whole_b);
}

static int compare_entries(const void *a, const void *b)
{
    const torc__directory_entry *first = a;
    const torc__directory_entry *second = b;

    if (first->is_directory != second->is_directory)
        return first->is_directory ? -1 : 1;
    return compare_names(first->name, second->name);
}

void torc__directory_listing_sort(torc__directory_entry *entries, size_t count)
{
    if (count > 1)
        qsort(entries, count, sizeof(*entries), compare_entries);
}
