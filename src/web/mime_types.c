/*
 * The table of types: open addressing over extensions in small letters.
 *
 * What is built in is text in the same form as the system's list and goes in by the same way. Each
 * list that is added is a generation: within one the first line for an extension holds, and a later
 * generation stands in place of an earlier. All strings live in blocks that are freed with the
 * table.
 */
#include "web/mime_types.h"

#include <errno.h>
#include <stdio.h>

#include "base/memory.h"
#include "web/http_syntax.h"

enum {
    LONGEST_EXTENSION = 31,
    LONGEST_TYPE = 127,
    BLOCK_SIZE = 16384,
    FIRST_CAPACITY = 512,
    LARGEST_FILE = 4 * 1024 * 1024
};

typedef struct block {
    struct block *next;
    size_t used;
    char bytes[BLOCK_SIZE];
} block;

typedef struct entry {
    torc_slice extension; /* empty: the place is free */
    torc_slice type;
    unsigned generation;
} entry;

struct torc__mime_types {
    block *blocks; /* the first has room */
    entry *entries;
    size_t capacity; /* a power of two; at least a quarter of the places is free */
    size_t count;
    unsigned generation;
};

/* The commonest, for a system without a list; what a browser needs for a page comes first. */
static const char built_in[] =
    "text/html html htm shtml\n"
    "text/css css\n"
    "text/javascript js mjs cjs\n"
    "application/json json map\n"
    "application/manifest+json webmanifest\n"
    "application/ld+json jsonld\n"
    "application/wasm wasm\n"
    "application/xhtml+xml xhtml xht\n"
    "application/xml xml xsl xsd\n"
    "application/atom+xml atom\n"
    "application/rss+xml rss\n"
    "image/png png\n"
    "image/jpeg jpg jpeg jpe jfif\n"
    "image/gif gif\n"
    "image/svg+xml svg\n"
    "image/webp webp\n"
    "image/avif avif\n"
    "image/apng apng\n"
    "image/bmp bmp\n"
    "image/tiff tif tiff\n"
    "image/heic heic\n"
    "image/jxl jxl\n"
    "image/vnd.microsoft.icon ico cur\n"
    "font/woff woff\n"
    "font/woff2 woff2\n"
    "font/ttf ttf\n"
    "font/otf otf\n"
    "font/collection ttc\n"
    "application/vnd.ms-fontobject eot\n"
    "audio/mpeg mp3\n"
    "audio/ogg oga ogg opus spx\n"
    "audio/wav wav\n"
    "audio/flac flac\n"
    "audio/aac aac\n"
    "audio/mp4 m4a\n"
    "audio/midi mid midi\n"
    "audio/webm weba\n"
    "video/mp4 mp4 m4v\n"
    "video/webm webm\n"
    "video/ogg ogv\n"
    "video/quicktime mov qt\n"
    "video/mpeg mpeg mpg\n"
    "video/x-matroska mkv\n"
    "video/x-msvideo avi\n"
    "video/mp2t m2ts\n"
    "video/3gpp 3gp\n"
    "application/vnd.apple.mpegurl m3u8\n"
    "application/dash+xml mpd\n"
    "text/vtt vtt\n"
    "text/plain txt text log conf cfg ini diff patch in ac am mk cmake toml lock\n"
    "text/plain c h cc cpp cxx hh hpp s rs go py pl rb java kt swift lua sh bash zsh sql\n"
    "text/plain ts tsx jsx\n"
    "text/markdown md markdown\n"
    "text/csv csv\n"
    "text/tab-separated-values tsv\n"
    "text/calendar ics\n"
    "text/vcard vcf\n"
    "text/x-rst rst\n"
    "application/yaml yaml yml\n"
    "application/pdf pdf\n"
    "application/postscript ps eps ai\n"
    "application/rtf rtf\n"
    "application/epub+zip epub\n"
    "application/zip zip\n"
    "application/gzip gz tgz\n"
    "application/x-bzip2 bz2\n"
    "application/x-xz xz\n"
    "application/zstd zst\n"
    "application/x-brotli br\n"
    "application/x-7z-compressed 7z\n"
    "application/vnd.rar rar\n"
    "application/x-tar tar\n"
    "application/java-archive jar war\n"
    "application/vnd.debian.binary-package deb\n"
    "application/x-rpm rpm\n"
    "application/x-iso9660-image iso\n"
    "application/vnd.android.package-archive apk\n"
    "application/x-sh run\n"
    "application/sql sqlite\n"
    "application/pgp-signature sig asc\n"
    "application/pkix-cert cer crt\n"
    "application/x-pem-file pem\n"
    "application/msword doc\n"
    "application/vnd.ms-excel xls\n"
    "application/vnd.ms-powerpoint ppt\n"
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document docx\n"
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx\n"
    "application/vnd.openxmlformats-officedocument.presentationml.presentation pptx\n"
    "application/vnd.oasis.opendocument.text odt\n"
    "application/vnd.oasis.opendocument.spreadsheet ods\n"
    "application/vnd.oasis.opendocument.presentation odp\n"
    "application/x-bittorrent torrent\n"
    "application/octet-stream bin exe dll so o a img dmg\n";

static unsigned char small_letter(char byte)
{
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

/* FNV-1a: extensions are short, and who writes the list is no enemy. */
static size_t hash_of(torc_slice extension)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < extension.length; i++)
        hash = (hash ^ (unsigned char)extension.data[i]) * 16777619u;
    return hash;
}

/* The extension's place, or the free one where it would stand. */
static entry *place_of(entry *entries, size_t capacity, torc_slice extension)
{
    size_t index = hash_of(extension) & (capacity - 1);

    while (entries[index].extension.length > 0 &&
        !torc_slice_equal(entries[index].extension, extension))
        index = (index + 1) & (capacity - 1);
    return &entries[index];
}

static bool grow(torc__mime_types *types)
{
    size_t capacity = types->capacity == 0 ? FIRST_CAPACITY : types->capacity * 2;
    entry *entries = torc__allocate_zeroed(capacity * sizeof(*entries));

    if (entries == NULL)
        return false;
    for (size_t i = 0; i < types->capacity; i++)
        if (types->entries[i].extension.length > 0)
            *place_of(entries, capacity, types->entries[i].extension) = types->entries[i];
    torc__free(types->entries);
    types->entries = entries;
    types->capacity = capacity;
    return true;
}

/* Room for `length` bytes, which is less than a block. NULL when memory is out. */
static char *take_room(torc__mime_types *types, size_t length)
{
    block *first = types->blocks;
    char *room;

    if (first == NULL || BLOCK_SIZE - first->used < length) {
        first = torc__allocate(sizeof(*first));
        if (first == NULL)
            return NULL;
        first->next = types->blocks;
        first->used = 0;
        types->blocks = first;
    }
    room = first->bytes + first->used;
    first->used += length;
    return room;
}

/* RFC 9110 8.3.2 leaves it to each type; the XML ones declare it in themselves. */
static bool is_text(torc_slice type)
{
    static const char *const others[] = { "application/json", "application/manifest+json",
        "application/ld+json", "application/javascript", "application/x-javascript",
        "application/yaml" };

    if (torc_slice_starts_with(type, TORC_SLICE("text/")))
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (torc_slice_is(type, others[i]))
            return true;
    return false;
}

/* A copy of the type, with its charset. Empty when memory is out. */
static torc_slice keep_type(torc__mime_types *types, torc_slice type)
{
    torc_slice suffix = is_text(type) ? TORC_SLICE("; charset=utf-8") : torc_slice_make("", 0);
    char *room = take_room(types, type.length + suffix.length);

    if (room == NULL)
        return torc_slice_make(NULL, 0);
    memcpy(room, type.data, type.length);
    memcpy(room + type.length, suffix.data, suffix.length);
    return torc_slice_make(room, type.length + suffix.length);
}

static torc_slice keep_extension(torc__mime_types *types, torc_slice extension)
{
    char *room = take_room(types, extension.length);

    if (room == NULL)
        return torc_slice_make(NULL, 0);
    memcpy(room, extension.data, extension.length);
    return torc_slice_make(room, extension.length);
}

/* In small letters, into `room` of LONGEST_EXTENSION bytes; empty where it is longer. */
static torc_slice make_small(torc_slice extension, char *room)
{
    if (extension.length > LONGEST_EXTENSION)
        return torc_slice_make(NULL, 0);
    for (size_t i = 0; i < extension.length; i++)
        room[i] = (char)small_letter(extension.data[i]);
    return torc_slice_make(room, extension.length);
}

static bool add_extension(torc__mime_types *types, torc_slice sent, torc_slice type)
{
    char room[LONGEST_EXTENSION];
    torc_slice extension = make_small(sent, room);
    entry *place;

    if (extension.length == 0)
        return true;
    if (types->count + 1 > types->capacity / 4 * 3 && !grow(types))
        return false;
    place = place_of(types->entries, types->capacity, extension);
    if (place->extension.length > 0 && place->generation == types->generation)
        return true;
    if (place->extension.length == 0) {
        extension = keep_extension(types, extension);
        if (extension.length == 0)
            return false;
        place->extension = extension;
        types->count++;
    }
    place->type = type;
    place->generation = types->generation;
    return true;
}

/* A type goes into a field of an answer as it is: nothing but "token/token" may. */
static bool is_type(torc_slice type)
{
    size_t slash = torc_slice_find_byte(type, '/');

    return type.length <= LONGEST_TYPE && torc__http_is_token(torc_slice_first(type, slash)) &&
        torc__http_is_token(torc_slice_skip(type, slash + 1));
}

static bool add_line(torc__mime_types *types, torc_slice line)
{
    torc_slice type = torc_next_word(&line);
    torc_slice kept;

    if (line.length == 0 || type.data[0] == '#' || !is_type(type))
        return true;
    kept = keep_type(types, type);
    if (kept.length == 0)
        return false;
    while (line.length > 0)
        if (!add_extension(types, torc_next_word(&line), kept))
            return false;
    return true;
}

bool torc__mime_types_add(torc__mime_types *types, torc_slice text)
{
    types->generation++;
    while (text.length > 0) {
        size_t length = torc_slice_find_byte(text, '\n');
        torc_slice line = torc_slice_first(text, length);

        if (torc_slice_ends_with(line, TORC_SLICE("\r")))
            line.length--;
        if (!add_line(types, torc_slice_trim(line)))
            return false;
        text = torc_slice_skip(text, length + 1);
    }
    return true;
}

torc__mime_types *torc__mime_types_new(void)
{
    torc__mime_types *types = torc__allocate_zeroed(sizeof(*types));

    if (types == NULL)
        return NULL;
    if (!torc__mime_types_add(types, torc_slice_make(built_in, sizeof(built_in) - 1))) {
        torc__mime_types_free(types);
        return NULL;
    }
    return types;
}

void torc__mime_types_free(torc__mime_types *types)
{
    if (types == NULL)
        return;
    while (types->blocks != NULL) {
        block *next = types->blocks->next;

        torc__free(types->blocks);
        types->blocks = next;
    }
    torc__free(types->entries);
    torc__free(types);
}

/* The whole file, which the caller frees. NULL, with errno, when it cannot be read. */
static char *read_file(FILE *file, size_t *ret_length)
{
    char *text = torc__allocate(LARGEST_FILE);

    if (text == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    *ret_length = fread(text, 1, LARGEST_FILE, file);
    if (ferror(file) != 0 || *ret_length == LARGEST_FILE) {
        errno = ferror(file) != 0 ? EIO : EFBIG;
        torc__free(text);
        return NULL;
    }
    return text;
}

bool torc__mime_types_load(torc__mime_types *types, const char *path)
{
    FILE *file = fopen(path, "re");
    size_t length;
    char *text;
    int error;
    bool added;

    if (file == NULL)
        return false;
    text = read_file(file, &length);
    error = errno;
    (void)fclose(file);
    if (text == NULL) {
        errno = error;
        return false;
    }
    added = torc__mime_types_add(types, torc_slice_make(text, length));
    torc__free(text);
    if (!added)
        errno = ENOMEM;
    return added;
}

/* Files that by custom have no extension and are for reading. */
static bool is_readable_by_custom(torc_slice name)
{
    static const char *const names[] = { "readme", "license", "licence", "copying", "copyright",
        "authors", "contributors", "changelog", "changes", "news", "install", "todo", "notice",
        "makefile", "dockerfile" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (torc_slice_equal_ignoring_case(name, torc_slice_of(names[i])))
            return true;
    return false;
}

/* What stands after the last `mark`, or an empty slice with NULL data. */
static torc_slice after_last(torc_slice text, char mark)
{
    for (size_t i = text.length; i > 0; i--)
        if (text.data[i - 1] == mark)
            return torc_slice_skip(text, i);
    return torc_slice_make(NULL, 0);
}

torc_slice torc__mime_types_find(const torc__mime_types *types, torc_slice file_name)
{
    char room[LONGEST_EXTENSION];
    torc_slice name = after_last(file_name, '/');
    torc_slice extension;
    const entry *place;

    if (name.data == NULL)
        name = file_name;
    extension = make_small(after_last(name, '.'), room);
    if (extension.length == 0 && is_readable_by_custom(name))
        return TORC_SLICE("text/plain; charset=utf-8");
    if (extension.length > 0) {
        place = place_of(types->entries, types->capacity, extension);
        if (place->extension.length > 0)
            return place->type;
    }
    return TORC_SLICE("application/octet-stream");
}
