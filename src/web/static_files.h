/*
 * static_files: the inside of a torc_web_files, for the files that share it:
 *
 *   static_files.c     from a request to the file or directory that it means; the cache
 *   static_send.c      a file as an answer: conditions, ranges, versions
 *   static_listing.c   a directory as an answer
 */
#ifndef TORC_WEB_STATIC_FILES_H
#define TORC_WEB_STATIC_FILES_H

#include "web/file_cache.h"
#include "web/file_versions.h"
#include "web/http_server.h"
#include "web/mime_types.h"
#include "web/open_beneath.h"

/* A change is to be seen within a second: some of that goes into the turn of the loop. */
#define TORC__FILES_FRESH_FOR (800 * TORC_MILLISECOND)

struct torc_web_files {
    torc__root root;
    char *index;
    bool no_listing;
    size_t cache_file_max;
    torc__mime_types *types;
    torc__file_cache cache;
};

/*
 * Answers with the file of `versions`, found at `path` below the root; the descriptors are the
 * caller's to close. `target` is under what to keep it in the cache; empty: not at all.
 */
void torc__files_send(torc_web_files *files, torc_web_request *request, const char *path,
    torc__file_versions *versions, torc_slice target);

/* Answers with a listing of the open directory, which is taken over; `path` is below the root. */
void torc__files_list(
    torc_web_files *files, torc_web_request *request, torc_slice path, int directory);

/* Answers that what was asked for cannot be had, by the errno that says why. */
void torc__files_refuse(torc_web_request *request, int error);

#endif /* TORC_WEB_STATIC_FILES_H */
