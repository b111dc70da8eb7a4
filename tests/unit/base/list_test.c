/*
 * The intrusive list: order, removal at any time, moving all.
 */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct item {
    int number;
    torc__list link;
} item;

static int take(torc__list *head)
{
    torc__list *node = torc__list_take_first(head);

    return node != NULL ? TORC_CONTAINER_OF(node, item, link)->number : 0;
}

static void nodes_come_out_in_the_order_they_went_in(void **state)
{
    item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
    torc__list head;

    (void)state;
    torc__list_init(&head);
    assert_true(torc__list_is_empty(&head));
    for (int i = 0; i < 3; i++)
        torc__list_append(&head, &items[i].link);
    assert_false(torc__list_is_empty(&head));
    assert_int_equal(take(&head), 1);
    assert_int_equal(take(&head), 2);
    assert_int_equal(take(&head), 3);
    assert_int_equal(take(&head), 0);
}

static void removing_from_the_middle_keeps_the_rest(void **state)
{
    item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
    torc__list head;

    (void)state;
    torc__list_init(&head);
    for (int i = 0; i < 3; i++)
        torc__list_append(&head, &items[i].link);
    torc__list_remove(&items[1].link);
    assert_false(torc__list_is_linked(&items[1].link));
    assert_true(torc__list_is_linked(&items[0].link));
    assert_int_equal(take(&head), 1);
    assert_int_equal(take(&head), 3);
    assert_int_equal(take(&head), 0);
}

static void removing_what_is_in_no_list_does_nothing(void **state)
{
    item one = { .number = 1 };

    (void)state;
    assert_false(torc__list_is_linked(&one.link));
    torc__list_remove(&one.link);
    torc__list_remove(&one.link);
    assert_false(torc__list_is_linked(&one.link));
}

static void moving_takes_all_and_leaves_nothing(void **state)
{
    item items[2] = { { .number = 1 }, { .number = 2 } };
    torc__list from;
    torc__list to;

    (void)state;
    torc__list_init(&from);
    torc__list_move(&from, &to);
    assert_true(torc__list_is_empty(&to));
    torc__list_append(&from, &items[0].link);
    torc__list_append(&from, &items[1].link);
    torc__list_move(&from, &to);
    assert_true(torc__list_is_empty(&from));
    assert_int_equal(take(&to), 1);
    assert_int_equal(take(&to), 2);
    assert_int_equal(take(&to), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_out_in_the_order_they_went_in),
        cmocka_unit_test(removing_from_the_middle_keeps_the_rest),
        cmocka_unit_test(removing_what_is_in_no_list_does_nothing),
        cmocka_unit_test(moving_takes_all_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
