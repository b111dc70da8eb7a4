/*
 * Reads a story, line by line. The first thing that is wrong ends it, with its line's number and
 * what would be right there.
 */
#include "scenario/runner/family.h"
#include "scenario/runner/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 100000, FILE_MAX = 1024 * 1024 };

/* Memory of a story: what was asked for follows the struct. */
typedef struct story_block {
    struct story_block *next;
    max_align_t start[];
} story_block;

typedef struct parser {
    torcs_story *story;
    torc_slice rest;  /* of the file, behind the current line */
    unsigned line;
    bool has_client;
    size_t repeat_start; /* the first step within `repeat` */
    uint64_t repeats;    /* 0: outside */
    unsigned repeat_line;
    unsigned advance_line; /* the first `advance`; 0: none */
    torcs_bytes error;
} parser;

/* -- memory -------------------------------------------------------------------------------- */

void *story_claim(torcs_story *self, size_t size)
{
    story_block *block = claim(sizeof(*block) + size);

    block->next = self->blocks;
    self->blocks = block;
    return block->start;
}

char *story_copy(torcs_story *self, torc_slice bytes)
{
    char *copy = story_claim(self, bytes.length + 1);

    if (bytes.length > 0)
        memcpy(copy, bytes.data, bytes.length);
    return copy;
}

void story_free(torcs_story *self)
{
    if (self == NULL)
        return;
    for (torcs_pattern *pattern = self->patterns; pattern != NULL; pattern = pattern->next)
        regfree(&pattern->regex);
    while (self->blocks != NULL) {
        story_block *block = self->blocks;

        self->blocks = block->next;
        free(block);
    }
    free(self->steps);
    free(self);
}

static torcs_step *add_step(torcs_story *self)
{
    if (self->step_count == self->step_size) {
        size_t size = 2 * self->step_size + 32;
        torcs_step *larger = claim(size * sizeof(*larger));

        if (self->step_count > 0)
            memcpy(larger, self->steps, self->step_count * sizeof(*larger));
        free(self->steps);
        self->steps = larger;
        self->step_size = size;
    }
    return &self->steps[self->step_count++];
}

/* -- lines and words ----------------------------------------------------------------------- */

static bool next_line(parser *self, torc_slice *ret_line)
{
    size_t length;

    if (self->rest.length == 0)
        return false;
    length = torc_slice_find_byte(self->rest, '\n');
    *ret_line = torc_slice_first(self->rest, length);
    self->rest = torc_slice_skip(self->rest, length + 1);
    self->line++;
    return true;
}

bool duration_parse(torc_slice text, torc_time *ret_time)
{
    static const struct {
        const char *name;
        torc_time unit;
    } units[] = {
        { "ms", TORC_MILLISECOND }, { "s", TORC_SECOND }, { "m", TORC_MINUTE }, { "h", TORC_HOUR },
    };
    size_t digits = 0;
    uint64_t number;

    while (digits < text.length && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    if (!torc_slice_to_number(torc_slice_first(text, digits), 1000000, &number))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (torc_slice_is(torc_slice_skip(text, digits), units[i].name)) {
            *ret_time = (torc_time)number * units[i].unit;
            return true;
        }
    }
    return false;
}

/* -- here-documents ------------------------------------------------------------------------ */

static torc_slice without_indent(torc_slice line, size_t indent)
{
    while (indent-- > 0 && line.length > 0 && line.data[0] == ' ')
        line = torc_slice_skip(line, 1);
    return line;
}

/* What follows `<<WORD`: lines up to one that is WORD, each ending in CRLF. */
static torcs_text_item *read_document(parser *self, torc_slice word, size_t indent)
{
    torcs_text_item *item = story_claim(self->story, sizeof(*item));
    unsigned start = self->line;
    torc_slice line;

    item->count = 1;
    if (word.length == 0) {
        bytes_add_text(&self->error, "'<<' is followed by the word that ends it, as in <<END");
        return NULL;
    }
    while (next_line(self, &line)) {
        if (torc_slice_equal(torc_slice_trim(line), word))
            return item;
        if (!text_read_line(self->story, item, without_indent(line, indent), &self->error))
            return NULL;
    }
    self->line = start;
    bytes_printf(&self->error, "the text's end is missing: a line '%.*s'", TORC_FMT(word));
    return NULL;
}

/* -- arguments ----------------------------------------------------------------------------- */

static bool read_word(parser *self, torc_slice *rest, torc_slice *ret_word, const char *what)
{
    *ret_word = torc_next_word(rest);
    if (ret_word->length > 0)
        return true;
    bytes_printf(&self->error, "%s is missing", what);
    return false;
}

static bool read_number(parser *self, torc_slice *rest, uint64_t *ret_number)
{
    torc_slice word;

    if (!read_word(self, rest, &word, "a number"))
        return false;
    if (torc_slice_to_number(word, UINT32_MAX, ret_number))
        return true;
    bytes_printf(&self->error, "'%.*s' is not a number", TORC_FMT(word));
    return false;
}

static bool read_duration(parser *self, torc_slice *rest, torc_time *ret_time)
{
    torc_slice word;

    if (!read_word(self, rest, &word, "a time, as in 5s,"))
        return false;
    if (duration_parse(word, ret_time))
        return true;
    bytes_printf(&self->error, "'%.*s' is not a time: write 250ms, 5s, 5m or 1h", TORC_FMT(word));
    return false;
}

static bool read_argument(
    parser *self, char kind, size_t indent, torc_slice *rest, torcs_argument *ret_argument)
{
    torc_slice word;

    switch (kind) {
    case 'w':
        if (!read_word(self, rest, &word, "a word"))
            return false;
        ret_argument->word = story_copy(self->story, word);
        return true;
    case 'n':
        return read_number(self, rest, &ret_argument->number);
    case 'd':
        return read_duration(self, rest, &ret_argument->time);
    case 'p':
        ret_argument->pattern = pattern_read(self->story, rest, &self->error);
        return ret_argument->pattern != NULL;
    case 'x':
        ret_argument->text = hex_read(self->story, rest, &self->error);
        return ret_argument->text != NULL;
    default:
        break;
    }
    if (torc_slice_starts_with(*rest, TORC_SLICE("<<"))) {
        word = torc_slice_trim(torc_slice_skip(*rest, 2));
        *rest = torc_slice_make(NULL, 0);
        ret_argument->text = read_document(self, word, indent);
    } else {
        ret_argument->text = text_read(self->story, rest, &self->error);
    }
    return ret_argument->text != NULL;
}

static bool read_arguments(parser *self, torcs_step *step, size_t indent, torc_slice rest)
{
    bool may_end = false;

    for (const char *kind = step->verb->arguments; *kind != '\0'; kind++) {
        if (*kind == '?') {
            may_end = true;
            continue;
        }
        if (may_end && rest.length == 0)
            return true;
        if (!read_argument(self, *kind, indent, &rest, &step->arguments[step->count]))
            return false;
        step->count++;
    }
    if (rest.length == 0)
        return true;
    bytes_printf(&self->error, "'%.*s' is too much behind '%s'", TORC_FMT(rest), step->verb->name);
    return false;
}

/* -- lines that are not played ------------------------------------------------------------- */

static bool read_server(parser *self, torc_slice rest)
{
    torcs_story *story = self->story;
    torc_slice name = torc_next_word(&rest);
    void *settings;
    bool good;

    if (story->family != NULL || story->step_count > 0) {
        bytes_add_text(&self->error, "there is one server in a story, and it comes first");
        return false;
    }
    story->family = family_named(name);
    story->server_line = self->line;
    if (story->family == NULL) {
        bytes_printf(&self->error, "there is no server '%.*s'; there are:", TORC_FMT(name));
        for (size_t i = 0; family_at(i) != NULL; i++)
            bytes_printf(&self->error, " %s", family_at(i)->name);
        return false;
    }
    while (rest.length > 0 && story->server_word_count < SERVER_WORDS_MAX)
        story->server_words[story->server_word_count++] = story_copy(story, torc_next_word(&rest));
    if (rest.length > 0) {
        bytes_printf(&self->error, "a server has at most %d options", SERVER_WORDS_MAX);
        return false;
    }
    settings = claim(story->family->settings_size);
    good = family_configure(
        story->family, story->server_words, story->server_word_count, settings, &self->error);
    free(settings);
    return good;
}

static bool read_mark(torc_slice rest, const char *word, bool *ret_mark)
{
    if (!torc_slice_is(rest, word))
        return false;
    *ret_mark = true;
    return true;
}

static bool read_only(parser *self, torc_slice rest)
{
    if (read_mark(rest, "memory", &self->story->only_memory) ||
        read_mark(rest, "live", &self->story->only_live))
        return true;
    bytes_add_text(&self->error, "'only' is followed by 'memory' or 'live'");
    return false;
}

static bool read_not(parser *self, torc_slice rest)
{
    if (read_mark(rest, "cut", &self->story->not_cut))
        return true;
    bytes_add_text(&self->error, "'not' is followed by 'cut'");
    return false;
}

static bool read_portable(parser *self, torc_slice rest)
{
    if (read_mark(rest, "nginx", &self->story->portable_nginx))
        return true;
    bytes_add_text(&self->error, "'portable' is followed by 'nginx'");
    return false;
}

static bool read_repeat(parser *self, torc_slice rest)
{
    if (self->repeats != 0) {
        bytes_printf(&self->error, "the 'repeat' of line %u has not ended", self->repeat_line);
        return false;
    }
    if (!read_number(self, &rest, &self->repeats))
        return false;
    if (self->repeats == 0 || rest.length > 0) {
        bytes_add_text(&self->error, "'repeat' is followed by one number above 0");
        return false;
    }
    self->repeat_start = self->story->step_count;
    self->repeat_line = self->line;
    return true;
}

static bool read_end(parser *self, torc_slice rest)
{
    torcs_story *story = self->story;
    size_t length = story->step_count - self->repeat_start;

    if (self->repeats == 0 || rest.length > 0) {
        bytes_add_text(&self->error, "'end' ends a 'repeat', and stands alone");
        return false;
    }
    if (length * self->repeats > STEPS_MAX) {
        bytes_printf(&self->error, "the repetition is more than %d steps", STEPS_MAX);
        return false;
    }
    for (uint64_t round = 1; round < self->repeats; round++) {
        for (size_t i = 0; i < length; i++) {
            torcs_step *copy = add_step(story);

            *copy = story->steps[self->repeat_start + i];
        }
    }
    self->repeats = 0;
    return true;
}

static const struct {
    const char *name;
    bool (*read)(parser *self, torc_slice rest);
} directives[] = {
    { "server", read_server }, { "only", read_only },     { "not", read_not },
    { "portable", read_portable }, { "repeat", read_repeat }, { "end", read_end },
};

/* -- all of it ----------------------------------------------------------------------------- */

static bool read_step(parser *self, torc_slice name, size_t indent, torc_slice rest)
{
    const torcs_verb *verb = verb_named(self->story->family, name);
    torcs_step *step;

    if (self->story->family == NULL) {
        bytes_add_text(&self->error, "a story begins with its server, as in 'server web'");
        return false;
    }
    if (verb == NULL) {
        bytes_printf(&self->error, "there is no verb '%.*s'; --verbs lists them", TORC_FMT(name));
        return false;
    }
    if (torc_slice_is(name, "client"))
        self->has_client = true;
    if (torc_slice_is(name, "advance") && self->advance_line == 0)
        self->advance_line = self->line;
    if (verb->needs_client && !self->has_client) {
        bytes_printf(&self->error, "who does '%s'? Name a client first, as in 'client alice'",
            verb->name);
        return false;
    }
    step = add_step(self->story);
    memset(step, 0, sizeof(*step));
    step->verb = verb;
    step->line = self->line;
    return read_arguments(self, step, indent, rest);
}

static bool read_line(parser *self, torc_slice line)
{
    torc_slice rest = torc_slice_trim(line);
    size_t indent = 0;
    torc_slice name;

    while (indent < line.length && line.data[indent] == ' ')
        indent++;
    if (rest.length == 0 || rest.data[0] == '#')
        return true;
    name = torc_next_word(&rest);
    for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
        if (torc_slice_is(name, directives[i].name))
            return directives[i].read(self, rest);
    return read_step(self, name, indent, rest);
}

/* What only the whole can tell. */
static bool check_whole(parser *self)
{
    if (self->repeats != 0) {
        self->line = self->repeat_line;
        bytes_add_text(&self->error, "this 'repeat' has no 'end'");
    } else if (self->advance_line != 0 && !self->story->only_memory) {
        self->line = self->advance_line;
        bytes_add_text(&self->error, "'advance' needs the virtual clock: say 'only memory' above");
    } else if (!self->has_client) {
        bytes_add_text(&self->error, "nobody acts in this story: name a client");
    }
    return self->error.length == 0;
}

static bool read_file(const char *path, torcs_bytes *content)
{
    FILE *file = fopen(path, "re");
    char piece[4096];
    size_t length;

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    while (content->length < FILE_MAX && (length = fread(piece, 1, sizeof(piece), file)) > 0)
        bytes_add(content, torc_slice_make(piece, length));
    fclose(file);
    if (content->length >= FILE_MAX)
        fprintf(stderr, "%s: longer than %d bytes\n", path, FILE_MAX);
    return content->length < FILE_MAX;
}

torcs_story *story_read(const char *path)
{
    torcs_bytes content = { NULL, 0, 0 };
    parser self = { .story = NULL };
    torc_slice line;
    bool good;

    if (!read_file(path, &content)) {
        bytes_free(&content);
        return NULL;
    }
    self.story = claim(sizeof(*self.story));
    self.story->path = story_copy(self.story, torc_slice_of(path));
    self.rest = bytes_slice(&content);
    good = true;
    while (good && next_line(&self, &line))
        good = read_line(&self, line);
    if (!good || !check_whole(&self)) {
        fprintf(stderr, "%s:%u: %s\n", path, self.line != 0 ? self.line : 1,
            bytes_text(&self.error));
        story_free(self.story);
        self.story = NULL;
    }
    bytes_free(&content);
    bytes_free(&self.error);
    return self.story;
}
