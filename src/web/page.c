/*
 * Pages: made, filled, asked, let go.
 */
#include "web/page.h"

#include "base/memory.h"

static void hold(void *value)
{
    ((torc__web_page *)value)->holders++;
}

static void release(void *value)
{
    torc__web_page_release(value);
}

const torc_type torc_type_web_page = { .name = "web page", .hold = hold, .release = release };

torc__web_page *torc__web_page_new(torc_slice url, torc_slice head)
{
    torc__web_page *page = torc__allocate_zeroed(sizeof *page + url.length);
    char *copy;

    if (page == NULL)
        return NULL;
    page->holders = 1;
    page->head = torc_buffer_copy(head);
    if (page->head == NULL) {
        torc__free(page);
        return NULL;
    }
    copy = (char *)(page + 1);
    memcpy(copy, url.data, url.length);
    page->url = torc_slice_make(copy, url.length);
    return page;
}

/* Room for twice of what there is, so that a body that comes in pieces is copied twice at most. */
static bool grow(torc__web_page *page, size_t needed)
{
    size_t capacity = page->body != NULL ? torc_buffer_slice(page->body).length : 4096;
    torc_buffer *larger;

    while (capacity < needed)
        capacity *= 2;
    larger = torc_buffer_new(capacity);
    if (larger == NULL)
        return false;
    if (page->body_length > 0)
        memcpy(torc_buffer_bytes(larger), torc_buffer_slice(page->body).data, page->body_length);
    torc_buffer_release(page->body);
    page->body = larger;
    return true;
}

bool torc__web_page_append(torc__web_page *page, torc_slice piece)
{
    size_t needed = page->body_length + piece.length;

    if (page->body == NULL || needed > torc_buffer_slice(page->body).length)
        if (!grow(page, needed))
            return false;
    memcpy(torc_buffer_bytes(page->body) + page->body_length, piece.data, piece.length);
    page->body_length = needed;
    return true;
}

void torc__web_page_release(torc__web_page *page)
{
    if (page == NULL || --page->holders > 0)
        return;
    torc_buffer_release(page->head);
    torc_buffer_release(page->body);
    torc__free(page);
}

static const torc__web_page *page_of(torc_result page)
{
    return torc_result_value(page, &torc_type_web_page);
}

int torc_web_status(torc_result page)
{
    return page_of(page)->answer.status;
}

torc_slice torc_web_body(torc_result page)
{
    const torc__web_page *self = page_of(page);

    if (self->body == NULL)
        return TORC_SLICE("");
    return torc_slice_first(torc_buffer_slice(self->body), self->body_length);
}

torc_slice torc_web_url(torc_result page)
{
    return page_of(page)->url;
}

bool torc_web_page_header(torc_result page, const char *name, torc_slice *ret_value)
{
    *ret_value = torc__http_answer_find(&page_of(page)->answer, torc_slice_of(name));
    return ret_value->data != NULL;
}
