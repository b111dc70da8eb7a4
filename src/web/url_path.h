/*
 * url_path: from a request's target to a path that is safe to open, and back to text that is safe
 * to put into a link, a Location field or a page.
 *
 * The path that comes out is relative, has no empty, "." or ".." segment, no NUL inside and one
 * after, so openat() on it stays below the directory as far as names go; symbolic links are the
 * opener's care. Decoding comes first and dots are resolved after it, once, so no encoding of a dot
 * gets by.
 */
#ifndef TORC_WEB_URL_PATH_H
#define TORC_WEB_URL_PATH_H

#include <torc/slice.h>

typedef enum torc__url_form {
    TORC__URL_ORIGIN,  /* "/a/b?query" */
    TORC__URL_ABSOLUTE, /* "http://host/a/b?query" */
    TORC__URL_ASTERISK /* "*", of OPTIONS; path is "." */
} torc__url_form;

typedef struct torc__url_target {
    torc__url_form form;
    bool ends_in_slash;   /* the client means a directory; the root does */
    bool has_query;
    torc_slice path;      /* "a/b", "." for the root; in the caller's buffer, NUL after it */
    torc_slice query;     /* as sent, after the "?"; into the target */
    torc_slice authority; /* of the absolute form: stands for Host; into the target */
} torc__url_target;

/* A buffer of this size suffices for any target of that length. */
#define TORC__URL_PATH_SIZE(target_length) ((target_length) + 2)

/*
 * Gives 0, or the status to answer with: 400 for what is no valid target, or one that climbs above
 * the root; 404 for a segment with an encoded slash, which no file's name can have; 414 for a path
 * beyond the buffer. `buffer` is the caller's, and is what `path` points into.
 */
int torc__url_target_parse(torc_slice target, char *buffer, size_t size,
    torc__url_target *ret_target);

/* Room that the encoded text may need at most. */
#define TORC__URL_ENCODED_SIZE(length) (3 * (length))
#define TORC__HTML_ESCAPED_SIZE(length) (6 * (length))

/*
 * Percent-encodes all but unreserved characters and "/", so that the text can stand in a link or in
 * a Location after a "/": a ":" cannot begin a scheme. Gives the length. No NUL is added.
 */
size_t torc__url_encode_path(torc_slice path, char *out);

/*
 * Escapes & < > " and ' so that the text can stand between tags and in a quoted attribute. Control
 * characters and bytes that are not UTF-8 become U+FFFD. Gives the length. No NUL is added.
 */
size_t torc__html_escape(torc_slice text, char *out);

#endif /* TORC_WEB_URL_PATH_H */
