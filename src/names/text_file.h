/*
 * text_file: a small configuration file that is read again when it has changed.
 *
 * It is looked at by stat when its owner says so, and read only when what stat says has changed.
 */
#ifndef TORC_NAMES_TEXT_FILE_H
#define TORC_NAMES_TEXT_FILE_H

#include <torc/slice.h>

#include <sys/types.h>
#include <time.h>

typedef struct torc__text_file {
    const char *path; /* "": there is none. The owner's */
    bool seen;
    ino_t inode;
    off_t size;
    struct timespec modified;
} torc__text_file;

/*
 * Whether the file has changed since the last time. Then *ret_text is its text, to be freed with
 * torc__free; an empty one where it is missing, cannot be read or is longer than `maximum`, or
 * memory is out.
 */
bool torc__text_file_changed(torc__text_file *file, size_t maximum, torc_slice *ret_text);

#endif /* TORC_NAMES_TEXT_FILE_H */
