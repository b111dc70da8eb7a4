/*
 * A message is gone through once to see whether it is whole, and what of it answers; and once more
 * for the records, when their number and size are known. Aliases mostly come in order, so that one
 * pass follows them all and the next one counts; where they do not, there is a pass for each, up to
 * the bound.
 */
#include "names/dns_answer.h"

#include "names/dns_type.h"

#define NEGATIVE_TTL_MAX ((uint32_t)3 * 60 * 60)

typedef struct reading {
    torc__dns_reader reader;
    torc__answer *answer;
    uint16_t type;
    bool moved;             /* an alias was followed in this pass */
    bool has_soa;
    uint32_t negative_ttl;
} reading;

static bool begin(reading *self, torc_slice message, torc__dns_bytes *scratch)
{
    return torc__dns_reader_begin(&self->reader, message, scratch->bytes, scratch->size);
}

static bool is_of_type(const torc__dns_record *record, uint16_t type)
{
    return record->record_class == TORC__DNS_CLASS_IN && record->data.length > 0
        && (record->type == type || type == TORC_RECORD_ANY);
}

static void lower_ttl(torc__answer *answer, const torc__dns_record *record)
{
    if (record->ttl < answer->ttl)
        answer->ttl = record->ttl;
}

static void see_answer(reading *self, const torc__dns_record *record)
{
    torc__answer *answer = self->answer;

    if (!torc__dns_name_equal(record->name, torc__dns_name_slice(&answer->name)))
        return;
    if (is_of_type(record, self->type)) {
        answer->count++;
        answer->bytes += record->data.length;
        lower_ttl(answer, record);
        return;
    }
    if (!is_of_type(record, TORC_RECORD_CNAME) || answer->count > 0
        || answer->aliases > TORC__ALIASES_MAX)
        return;
    torc__dns_name_set(&answer->name, record->data);
    lower_ttl(answer, record);
    answer->aliases++;
    self->moved = true;
}

/* RFC 2308 5: the SOA's own TTL or its last number, whichever is less. */
static void see_authority(reading *self, const torc__dns_record *record)
{
    uint32_t minimum;

    if (!is_of_type(record, TORC_RECORD_SOA) || self->has_soa)
        return;
    minimum = torc__dns_get32(record->data.data + record->data.length - 4);
    self->has_soa = true;
    self->negative_ttl = record->ttl < minimum ? record->ttl : minimum;
    if (self->negative_ttl > NEGATIVE_TTL_MAX)
        self->negative_ttl = NEGATIVE_TTL_MAX;
}

/* False: the message is malformed. */
static bool pass(reading *self, torc_slice message, torc__dns_bytes *scratch)
{
    torc__dns_question question;
    torc__dns_record record;

    (void)begin(self, message, scratch);
    while (torc__dns_reader_question(&self->reader, &question))
        continue;
    self->moved = false;
    while (torc__dns_reader_record(&self->reader, &record)) {
        if (self->reader.section == TORC__DNS_ANSWER)
            see_answer(self, &record);
        else if (self->reader.section == TORC__DNS_AUTHORITY)
            see_authority(self, &record);
    }
    return !self->reader.malformed;
}

/* Whether the message is a response to the question; the case of letters is looked at apart. */
static bool belongs(reading *self, uint16_t id, torc_slice name, bool *ret_case)
{
    const torc__dns_header *header = &self->reader.header;
    torc__dns_question question;

    *ret_case = true;
    if (header->id != id || !header->is_response || header->opcode != TORC__DNS_QUERY)
        return false;
    /* Some servers that cannot read a question do not repeat it. */
    if (header->counts[TORC__DNS_QUESTION] == 0)
        return header->code == TORC__DNS_FORMAT_ERROR
            || header->code == TORC__DNS_NOT_IMPLEMENTED;
    if (header->counts[TORC__DNS_QUESTION] != 1
        || !torc__dns_reader_question(&self->reader, &question) || question.type != self->type
        || question.question_class != TORC__DNS_CLASS_IN
        || !torc__dns_name_equal(question.name, name))
        return false;
    *ret_case = torc_slice_equal(question.name, name);
    return true;
}

static torc__answer_kind nothing_there(const reading *self, torc__answer_kind kind)
{
    self->answer->ttl = self->has_soa && self->negative_ttl < self->answer->ttl
        ? self->negative_ttl
        : self->answer->ttl;
    if (!self->has_soa)
        self->answer->ttl = 0;
    return kind;
}

/* What a message with one of the two codes that say something says. */
static torc__answer_kind judge(const reading *self)
{
    const torc__dns_header *header = &self->reader.header;
    const torc__answer *answer = self->answer;

    if (answer->aliases > TORC__ALIASES_MAX)
        return TORC__ANSWER_TOO_MANY;
    if (answer->count > 0)
        return TORC__ANSWER_RECORDS;
    if (header->code == TORC__DNS_NO_NAME)
        return nothing_there(self, TORC__ANSWER_NO_NAME);
    /* A server that knows nothing of the name and asks nobody: it names others at best. */
    if (!self->has_soa && !header->authoritative && !header->recursion_available)
        return TORC__ANSWER_NO_HELP;
    return nothing_there(self, TORC__ANSWER_NO_DATA);
}

static torc__answer_kind judge_code(uint16_t code, bool edns)
{
    switch (code) {
    case TORC__DNS_FORMAT_ERROR:
    case TORC__DNS_NOT_IMPLEMENTED:
    case TORC__DNS_BAD_VERSION:
        return edns ? TORC__ANSWER_NO_EDNS : TORC__ANSWER_NO_HELP;
    default:
        return TORC__ANSWER_NO_HELP;
    }
}

static torc__answer_kind read_answer(reading *self, torc_slice message, uint16_t id,
    torc_slice name, bool edns, torc__dns_bytes *scratch)
{
    torc__answer *answer = self->answer;
    unsigned int before = answer->aliases;
    bool same_case;

    if (!begin(self, message, scratch) || !belongs(self, id, name, &same_case))
        return TORC__ANSWER_IGNORED;
    if (!same_case)
        return TORC__ANSWER_OTHER_CASE;
    /* What is cut may be cut anywhere, so nothing more of it is read. */
    if (self->reader.header.truncated)
        return TORC__ANSWER_TRUNCATED;
    /* What was counted before an alias was followed is of another name, or not all. */
    do {
        answer->count = 0;
        answer->bytes = 0;
        if (!pass(self, message, scratch))
            return TORC__ANSWER_IGNORED;
    } while (self->moved && answer->aliases <= TORC__ALIASES_MAX);
    answer->code = self->reader.header.code;
    if (answer->code != TORC__DNS_NO_ERROR && answer->code != TORC__DNS_NO_NAME)
        return judge_code(answer->code, edns);
    if (answer->count == 0 && answer->aliases > before && answer->aliases <= TORC__ALIASES_MAX
        && answer->code == TORC__DNS_NO_ERROR && !self->has_soa)
        return TORC__ANSWER_ALIAS;
    return judge(self);
}

void torc__answer_read(torc_slice message, uint16_t id, torc_slice name, uint16_t type, bool edns,
    unsigned int aliases, torc__dns_bytes *scratch, torc__answer *ret_answer)
{
    reading self = { .answer = ret_answer, .type = type };

    torc__dns_name_set(&ret_answer->name, name);
    ret_answer->code = 0;
    ret_answer->ttl = UINT32_MAX;
    ret_answer->aliases = aliases;
    ret_answer->count = 0;
    ret_answer->bytes = 0;
    ret_answer->kind = read_answer(&self, message, id, name, edns, scratch);
}

/* -- entries ------------------------------------------------------------------------------- */

static void fill(torc__known *entry, const torc__answer *answer, torc_record *list, char *bytes,
    reading *self)
{
    torc_slice name = torc__dns_name_slice(&answer->name);
    torc__dns_record record;
    size_t count = 0;

    while (torc__dns_reader_record(&self->reader, &record)
        && self->reader.section == TORC__DNS_ANSWER) {
        if (count == answer->count || !is_of_type(&record, self->type)
            || !torc__dns_name_equal(record.name, name))
            continue;
        list[count].name = entry->records.name;
        list[count].type = record.type;
        list[count].record_class = record.record_class;
        list[count].ttl = record.ttl;
        list[count].data = torc_slice_make(bytes, record.data.length);
        memcpy(bytes, record.data.data, record.data.length);
        bytes += record.data.length;
        count++;
    }
    entry->records.count = count;
    entry->records.list = list;
}

torc__known *torc__answer_known(const torc__answer *answer, torc_slice message, uint16_t type,
    torc_slice key, torc_time expires, torc__dns_bytes *scratch)
{
    char text[TORC_NAME_TEXT_MAX];
    size_t length = torc__dns_name_plain_text(torc__dns_name_slice(&answer->name), text) + 1;
    size_t list = answer->count * sizeof(torc_record);
    reading self = { .type = type };
    torc__dns_question question;
    torc__known *entry;
    void *extra;

    if (answer->kind != TORC__ANSWER_RECORDS)
        return torc__known_new(answer->kind == TORC__ANSWER_NO_NAME ? TORC__KNOWN_NO_NAME
                                                                    : TORC__KNOWN_NO_DATA,
            key, expires, 0, NULL);
    entry = torc__known_new(
        TORC__KNOWN_RECORDS, key, expires, list + answer->bytes + length, &extra);
    if (entry == NULL)
        return NULL;
    entry->records.expires = expires;
    entry->records.name = memcpy((char *)extra + list + answer->bytes, text, length);
    (void)begin(&self, message, scratch);
    while (torc__dns_reader_question(&self.reader, &question))
        continue;
    fill(entry, answer, extra, (char *)extra + list, &self);
    return entry;
}
