/*
 * three_requests: fetch three pages at the same time and count their words.
 * The same job twice: with callbacks, and as a coroutine that waits where it stands.
 *
 *     build/examples/three_requests http://127.0.0.1:8080/{a,b,c}
 */
#include <torc.h>
#include <torc/web.h>

#include <inttypes.h>
#include <stdio.h>

static const char *urls[] = {
    "http://127.0.0.1:8080/a", "http://127.0.0.1:8080/b", "http://127.0.0.1:8080/c",
};

static int64_t count_words(torc_slice text)
{
    int64_t words = 0;
    bool inside = false;

    for (size_t i = 0; i < text.length; i++) {
        bool blank = text.data[i] == ' ' || (text.data[i] >= '\t' && text.data[i] <= '\r');

        words += !blank && !inside;
        inside = !blank;
    }
    return words;
}

/* -- with callbacks ------------------------------------------------------------------------ */

static torc_result words_in_page(void *unused, torc_result page)
{
    (void)unused;
    return torc_integer(count_words(torc_web_body(page)));
}

static torc_result print_sum(void *unused, torc_result counts)
{
    int64_t sum = 0;

    (void)unused;
    for (size_t i = 0; i < torc_list_length(counts); i++)
        sum += torc_result_integer(torc_list_at(counts, i));
    printf("%" PRId64 " words\n", sum);
    return torc_nothing();
}

static torc_deferred *with_callbacks(torc_scope *scope)
{
    torc_deferred *pages[3];
    torc_deferred *all;

    for (size_t i = 0; i < 3; i++) {
        pages[i] = torc_web_get(scope, urls[i]);
        torc_add_callback(pages[i], words_in_page, NULL);
    }
    all = torc_gather(scope, pages, 3); /* the first failure cancels the rest */
    torc_add_callback(all, print_sum, NULL);
    return all;
}

/* -- as a coroutine ------------------------------------------------------------------------ */

static torc_result as_coroutine(torc_scope *scope, void *unused)
{
    int64_t sum = 0;
    torc_deferred *pages[3];

    (void)unused;
    for (size_t i = 0; i < 3; i++)
        pages[i] = torc_web_get(scope, urls[i]); /* all three are on their way */
    for (size_t i = 0; i < 3; i++) {
        torc_result page = torc_await(pages[i]); /* other work runs meanwhile */

        if (torc_is_failure(page))
            return page;
        sum += count_words(torc_web_body(page));
    }
    printf("%" PRId64 " words\n", sum);
    return torc_nothing();
}

/* -- both, one after the other --------------------------------------------------------------- */

static torc_result both(torc_scope *scope, void *unused)
{
    torc_result counted = torc_await(with_callbacks(scope));

    return torc_is_failure(counted) ? counted : as_coroutine(scope, unused);
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count && i <= 3; i++)
        urls[i - 1] = arguments[i];
    return torc_react(both, NULL); /* run until it is done; a failure is exit status 1 */
}
