/*
 * The hash table: finding, growing, removing, walking, and memory that is out.
 */
#include "base/hash_table.h"
#include "support/failing_allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define MANY 1000

typedef struct host {
    torc__hash_entry entry;
    char name[16];
    unsigned int seen;
} host;

static torc_slice name_of(const torc__hash_entry *entry)
{
    return torc_slice_of(((const host *)(const void *)entry)->name);
}

static host hosts[MANY];

static void fill(torc__hash_table *table, unsigned int count)
{
    torc__hash_table_init(table, name_of);
    for (unsigned int i = 0; i < count; i++) {
        snprintf(hosts[i].name, sizeof hosts[i].name, "host%u", i);
        hosts[i].seen = 0;
        assert_true(torc__hash_table_insert(table, &hosts[i].entry));
    }
}

static host *find(const torc__hash_table *table, const char *name)
{
    return (host *)(void *)torc__hash_table_find(table, torc_slice_of(name));
}

static void an_empty_table_has_nothing_and_allocates_nothing(void **state)
{
    torc__hash_table table;

    (void)state;
    count_allocations();
    torc__hash_table_init(&table, name_of);
    assert_null(find(&table, "x"));
    assert_null(torc__hash_table_next(&table, NULL));
    torc__hash_table_clear(&table);
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
}

static void everything_is_found_while_it_grows(void **state)
{
    torc__hash_table table;

    (void)state;
    fill(&table, MANY);
    assert_int_equal(table.count, MANY);
    assert_true(table.bucket_count >= MANY);
    for (unsigned int i = 0; i < MANY; i++)
        assert_ptr_equal(find(&table, hosts[i].name), &hosts[i]);
    assert_null(find(&table, "host1000"));
    assert_null(find(&table, "hos"));
    assert_null(find(&table, ""));
    torc__hash_table_clear(&table);
    assert_null(find(&table, "host1"));
    assert_true(torc__hash_table_insert(&table, &hosts[1].entry));
    assert_ptr_equal(find(&table, "host1"), &hosts[1]);
    torc__hash_table_clear(&table);
}

static void what_is_removed_is_gone_and_the_rest_stays(void **state)
{
    torc__hash_table table;

    (void)state;
    fill(&table, MANY);
    for (unsigned int i = 0; i < MANY; i += 2)
        torc__hash_table_remove(&table, &hosts[i].entry);
    assert_int_equal(table.count, MANY / 2);
    for (unsigned int i = 0; i < MANY; i++)
        assert_ptr_equal(find(&table, hosts[i].name), i % 2 == 0 ? NULL : &hosts[i]);
    torc__hash_table_clear(&table);
}

static void walking_meets_each_once_and_allows_removing(void **state)
{
    torc__hash_table table;
    torc__hash_entry *next;

    (void)state;
    fill(&table, MANY);
    next = torc__hash_table_next(&table, NULL);
    while (next != NULL) {
        host *one = (host *)(void *)next;

        next = torc__hash_table_next(&table, next);
        one->seen++;
        if (one->name[4] == '7')
            torc__hash_table_remove(&table, &one->entry);
    }
    for (unsigned int i = 0; i < MANY; i++) {
        assert_int_equal(hosts[i].seen, 1);
        assert_true((find(&table, hosts[i].name) == NULL) == (hosts[i].name[4] == '7'));
    }
    torc__hash_table_clear(&table);
}

static void without_memory_the_first_entry_is_refused(void **state)
{
    torc__hash_table table;

    (void)state;
    fill(&table, 0);
    fail_all_allocations();
    assert_false(torc__hash_table_insert(&table, &hosts[0].entry));
    allow_allocations();
    assert_int_equal(table.count, 0);
    assert_null(find(&table, "host0"));
    assert_true(torc__hash_table_insert(&table, &hosts[0].entry));
    torc__hash_table_clear(&table);
}

static void a_table_that_cannot_grow_goes_on(void **state)
{
    torc__hash_table table;
    size_t buckets;

    (void)state;
    fill(&table, 10);
    buckets = table.bucket_count;
    fail_all_allocations();
    for (unsigned int i = 10; i < 100; i++)
        assert_true(torc__hash_table_insert(&table, &hosts[i].entry));
    assert_true(an_allocation_failed());
    allow_allocations();
    assert_int_equal(table.bucket_count, buckets);
    for (unsigned int i = 0; i < 100; i++)
        assert_ptr_equal(find(&table, hosts[i].name), &hosts[i]);
    torc__hash_table_clear(&table);
}

static void two_tables_hash_differently(void **state)
{
    torc__hash_table a;
    torc__hash_table b;

    (void)state;
    torc__hash_table_init(&a, name_of);
    torc__hash_table_init(&b, name_of);
    assert_true(torc__hash(a.secret, TORC_SLICE("x")) != torc__hash(b.secret, TORC_SLICE("x")));
}

/* SipHash-1-3 with the key 00 01 ... 0f over the first bytes of 00 01 02 ... */
static void the_hash_is_siphash_1_3(void **state)
{
    static const uint64_t secret[2] = {
        UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)
    };
    static const uint64_t expected[] = {
        UINT64_C(0xabac0158050fc4dc), UINT64_C(0xc9f49bf37d57ca93),
        UINT64_C(0x82cb9b024dc7d44d), UINT64_C(0x8bf80ab8e7ddf7fb),
        UINT64_C(0xcf75576088d38328), UINT64_C(0xdef9d52f49533b67),
        UINT64_C(0xc50d2b50c59f22a7), UINT64_C(0xd3927d989bb11140),
        UINT64_C(0x369095118d299a8e), UINT64_C(0x25a48eb36c063de4)
     };
    char bytes[16];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (size_t length = 0; length < sizeof expected / sizeof expected[0]; length++)
        assert_true(torc__hash(secret, torc_slice_make(bytes, length)) == expected[length]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_has_nothing_and_allocates_nothing),
        cmocka_unit_test(everything_is_found_while_it_grows),
        cmocka_unit_test(what_is_removed_is_gone_and_the_rest_stays),
        cmocka_unit_test(walking_meets_each_once_and_allows_removing),
        cmocka_unit_test(without_memory_the_first_entry_is_refused),
        cmocka_unit_test(a_table_that_cannot_grow_goes_on),
        cmocka_unit_test(two_tables_hash_differently),
        cmocka_unit_test(the_hash_is_siphash_1_3),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
