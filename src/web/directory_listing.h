/*
 * directory_listing: a directory as a page of HTML, complete in itself: no script, no font, no
 * picture from elsewhere. It follows the reader's choice of light or dark and the width of the
 * window.
 *
 * The page is measured, then written into memory of the caller's, so that it is made in one piece:
 *
 *     torc__directory_listing_sort(entries, count);
 *     torc_buffer *page = torc_buffer_new(torc__directory_listing_size(&listing));
 *     torc__directory_listing_write(&listing, torc_buffer_bytes(page));
 */
#ifndef TORC_WEB_DIRECTORY_LISTING_H
#define TORC_WEB_DIRECTORY_LISTING_H

#include <torc/slice.h>

typedef struct torc__directory_entry {
    torc_slice name; /* any bytes but "/" and NUL; not "." or ".." */
    bool is_directory;
    uint64_t size;    /* not shown for a directory */
    int64_t modified; /* seconds since 1970; shown in UTC */
} torc__directory_entry;

typedef struct torc__directory_listing {
    torc_slice path; /* decoded, as torc__url_target's: "a/b", "." for the root */
    const torc__directory_entry *entries;
    size_t count;
    bool truncated; /* there are more entries than are shown; the page says so */
} torc__directory_listing;

/* Directories first, then by name: ignoring the case of ASCII letters, numbers by their value. */
void torc__directory_listing_sort(torc__directory_entry *entries, size_t count);

/* The exact length of the page, in bytes. */
size_t torc__directory_listing_size(const torc__directory_listing *listing);

/* Writes just that many bytes. No NUL is added. */
void torc__directory_listing_write(const torc__directory_listing *listing, char *out);

#endif /* TORC_WEB_DIRECTORY_LISTING_H */
