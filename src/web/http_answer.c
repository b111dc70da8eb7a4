/*
 * The parser of answers' heads: line by line, once the whole is there. An answer's head is read once
 * a connection, so that nothing is won by reading it as it comes.
 */
#include "web/http_answer.h"

size_t torc__http_answer_length(torc_slice input, size_t searched)
{
    size_t start = searched > 3 ? searched - 3 : 0;
    size_t found = torc_slice_find(torc_slice_skip(input, start), TORC_SLICE("\r\n\r\n"));

    return start + found < input.length ? start + found + 4 : 0;
}

/* Takes the next line off the front, without its CRLF. False where a bare CR or LF stands in it. */
static bool take_line(torc_slice *rest, torc_slice *ret_line)
{
    size_t end = torc_slice_find(*rest, TORC_SLICE("\r\n"));

    *ret_line = torc_slice_first(*rest, end);
    *rest = torc_slice_skip(*rest, end + 2);
    return torc_slice_find_byte(*ret_line, '\r') == ret_line->length
        && torc_slice_find_byte(*ret_line, '\n') == ret_line->length;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* HTTP/1.1 200 OK. The phrase may be missing, and the space before it too. */
static const char *read_status_line(torc_slice line, torc__http_answer *answer)
{
    const char *text = line.data;

    if (!torc_slice_starts_with(line, TORC_SLICE("HTTP/")))
        return "no answer of HTTP";
    if (line.length < 12 || text[5] != '1' || text[6] != '.' || !is_digit(text[7]) || text[8] != ' ')
        return "a version other than HTTP/1";
    if (!is_digit(text[9]) || !is_digit(text[10]) || !is_digit(text[11]) || text[9] < '1'
        || text[9] > '5' || (line.length > 12 && text[12] != ' '))
        return "no valid status";
    answer->version_minor = (uint8_t)(text[7] - '0');
    answer->status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
    return NULL;
}

static const char *read_content_length(torc__http_answer *answer, torc_slice value)
{
    uint64_t length;

    if (!torc_slice_to_number(value, INT64_MAX, &length))
        return "a Content-Length that is no number";
    if (answer->has_content_length && answer->content_length != length)
        return "two different Content-Lengths";
    answer->has_content_length = true;
    answer->content_length = length;
    return NULL;
}

static const char *read_transfer_encoding(torc__http_answer *answer, torc_slice value)
{
    torc_slice coding;

    while (torc__http_list_next(&value, &coding)) {
        if (answer->chunked)
            return "a transfer coding after chunked";
        if (!torc_slice_equal_ignoring_case(coding, TORC_SLICE("chunked")))
            return "a transfer coding that was not asked for";
        answer->chunked = true;
    }
    return answer->chunked ? NULL : "an empty Transfer-Encoding";
}

static const char *read_field(torc_slice line, torc__http_answer *answer)
{
    size_t colon = torc_slice_find_byte(line, ':');
    torc__http_field *field = &answer->fields[answer->field_count];

    if (answer->field_count == TORC__HTTP_ANSWER_MAX_FIELDS)
        return "too many fields";
    field->name = torc_slice_first(line, colon);
    if (colon == line.length || !torc__http_is_token(field->name))
        return "a field without a valid name";
    field->value = torc_slice_trim(torc_slice_skip(line, colon + 1));
    if (torc__http_skip_kind(field->value.data, 0, field->value.length, TORC__HTTP_IN_VALUE)
        != field->value.length)
        return "a control byte in a field's value";
    answer->field_count++;
    if (torc_slice_equal_ignoring_case(field->name, TORC_SLICE("content-length")))
        return read_content_length(answer, field->value);
    if (torc_slice_equal_ignoring_case(field->name, TORC_SLICE("transfer-encoding")))
        return read_transfer_encoding(answer, field->value);
    return NULL;
}

const char *torc__http_answer_parse(torc_slice head, torc__http_answer *ret_answer)
{
    torc__http_answer *answer = ret_answer;
    const char *problem;
    torc_slice line;

    answer->has_content_length = false;
    answer->chunked = false;
    answer->content_length = 0;
    answer->field_count = 0;
    if (!take_line(&head, &line))
        return "a CR or LF out of place";
    problem = read_status_line(line, answer);
    while (problem == NULL) {
        if (!take_line(&head, &line))
            return "a CR or LF out of place";
        if (line.length == 0)
            break;
        problem = read_field(line, answer);
    }
    if (problem == NULL && answer->chunked && answer->has_content_length)
        return "both Transfer-Encoding and Content-Length";
    return problem;
}

torc_slice torc__http_answer_find(const torc__http_answer *answer, torc_slice name)
{
    for (size_t i = 0; i < answer->field_count; i++)
        if (torc_slice_equal_ignoring_case(answer->fields[i].name, name))
            return answer->fields[i].value;
    return torc_slice_make(NULL, 0);
}

bool torc__http_answer_has_body(const torc__http_answer *answer, torc_slice method)
{
    if (answer->status < 200 || answer->status == 204 || answer->status == 304)
        return false;
    return !torc_slice_is(method, "HEAD");
}
