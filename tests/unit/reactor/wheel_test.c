/*
 * The timing wheel by itself, with made-up times: order, far deadlines, moving, removing, and long
 * random sequences against a plain array.
 */
#include "reactor/support.h"

#define TICK ((torc_time)1 << TORC__WHEEL_TICK_SHIFT)

static torc__wheel wheel;

static void insert(torc_timer *timer, torc_time deadline)
{
    timer->deadline = deadline;
    torc__wheel_insert(&wheel, timer);
}

/* Takes the first of those that are due; NULL when none is. */
static torc_timer *take_due(void)
{
    torc_timer *timer = wheel.due;

    if (timer != NULL)
        torc__wheel_remove(&wheel, timer);
    return timer;
}

/* Goes from one time to wake up at to the next until a timer is due; gives how many it took. */
static int wake_until_due(torc_time *ret_now)
{
    for (int wakes_needed = 1;; wakes_needed++) {
        *ret_now = torc__wheel_next(&wheel);
        torc__wheel_advance(&wheel, *ret_now);
        if (wheel.due != NULL || wakes_needed > 1000)
            return wakes_needed;
    }
}

static void timers_are_due_in_the_order_of_their_deadlines(void **state)
{
    torc_timer timers[5] = { 0 };
    static const torc_time deadlines[5] = { 900 * TICK, 3, 70 * TICK, 2, 5000 * TICK };
    static const int order[5] = { 3, 1, 2, 0, 4 };

    (void)state;
    torc__wheel_init(&wheel, 0);
    for (int i = 0; i < 5; i++)
        insert(&timers[i], deadlines[i]);
    torc__wheel_advance(&wheel, 6000 * TICK);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(take_due(), &timers[order[i]]);
    assert_null(take_due());
    assert_int_equal(wheel.count, 0);
}

static void equal_deadlines_are_due_in_the_order_of_setting(void **state)
{
    static torc_timer timers[200];

    (void)state;
    memset(timers, 0, sizeof timers);
    torc__wheel_init(&wheel, 12345);
    for (int i = 0; i < 200; i++)
        insert(&timers[i], 100 * TICK);
    torc__wheel_advance(&wheel, 200 * TICK);
    for (int i = 0; i < 200; i++)
        assert_ptr_equal(take_due(), &timers[i]);
}

static void a_timer_is_due_at_its_deadline_and_not_a_nanosecond_before(void **state)
{
    static const torc_time deadlines[] = { 1, TICK - 1, TICK, TICK + 1, 63 * TICK, 64 * TICK,
        64 * TICK - 1, 4096 * TICK, 4096 * TICK + 7, TORC_HOUR, 365 * 24 * TORC_HOUR };
    static const torc_time starts[] = { 0, 17, 63 * TICK + 5, 64 * TICK - 1, 12345678 * TICK + 99 };

    (void)state;
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++)
        for (size_t d = 0; d < sizeof deadlines / sizeof deadlines[0]; d++) {
            torc_timer timer = { 0 };

            torc__wheel_init(&wheel, starts[s]);
            insert(&timer, starts[s] + deadlines[d]);
            torc__wheel_advance(&wheel, starts[s] + deadlines[d] - 1);
            assert_null(wheel.due);
            torc__wheel_advance(&wheel, starts[s] + deadlines[d]);
            assert_ptr_equal(take_due(), &timer);
        }
}

/* The next time to wake up at is worked out anew when timers went, and must not skip a tick. */
static void the_first_of_a_far_slot_is_not_late_after_a_near_one(void **state)
{
    torc_timer near = { 0 };
    torc_timer far = { 0 };

    (void)state;
    torc__wheel_init(&wheel, 0);
    insert(&near, 5);
    insert(&far, 64 * TICK + 5);
    torc__wheel_advance(&wheel, 5);
    assert_ptr_equal(take_due(), &near);
    torc__wheel_advance(&wheel, 64 * TICK + 5);
    assert_ptr_equal(take_due(), &far);
}

static void a_timer_whose_deadline_has_passed_is_due_at_once(void **state)
{
    torc_timer timer = { 0 };

    (void)state;
    torc__wheel_init(&wheel, 1000 * TICK);
    insert(&timer, 5);
    assert_true(torc__wheel_next(&wheel) <= 1000 * TICK);
    torc__wheel_advance(&wheel, 1000 * TICK);
    assert_ptr_equal(take_due(), &timer);
}

/* Each level of the wheel may want one look on the way, none more than that. */
static void a_far_deadline_costs_at_most_one_wake_up_a_level(void **state)
{
    (void)state;
    for (int shift = 0; shift < 62; shift++) {
        torc_timer timer = { 0 };
        torc_time start = 777 * TICK + 13;
        torc_time deadline = start + ((torc_time)1 << shift) + 1;
        torc_time now;

        torc__wheel_init(&wheel, start);
        insert(&timer, deadline);
        assert_in_range(wake_until_due(&now), 1, TORC__WHEEL_LEVELS + 1);
        assert_true(now == deadline);
        assert_ptr_equal(take_due(), &timer);
    }
}

static void a_deadline_beyond_all_levels_waits_and_never_comes(void **state)
{
    torc_timer timer = { 0 };

    (void)state;
    torc__wheel_init(&wheel, TORC_HOUR);
    insert(&timer, TORC_NEVER);
    torc__wheel_advance(&wheel, (torc_time)1 << 61);
    assert_null(wheel.due);
    torc__wheel_remove(&wheel, &timer);
    assert_true(torc__wheel_next(&wheel) == TORC_NEVER);
}

static void an_empty_wheel_never_wakes(void **state)
{
    torc_timer timer = { 0 };

    (void)state;
    torc__wheel_init(&wheel, 5);
    assert_true(torc__wheel_next(&wheel) == TORC_NEVER);
    insert(&timer, 100 * TICK);
    torc__wheel_remove(&wheel, &timer);
    assert_null(timer.link);
    assert_true(torc__wheel_next(&wheel) == TORC_NEVER);
    torc__wheel_advance(&wheel, 1000 * TICK);
    assert_null(wheel.due);
}

static void a_timer_moved_later_in_place_is_due_at_the_later_time(void **state)
{
    torc_timer timer = { 0 };
    torc_time now;

    (void)state;
    torc__wheel_init(&wheel, 0);
    insert(&timer, 10 * TICK);
    timer.deadline = 5000 * TICK + 3;
    torc__wheel_advance(&wheel, 10 * TICK);
    assert_null(wheel.due);
    torc__wheel_advance(&wheel, 5000 * TICK + 2);
    assert_null(wheel.due);
    assert_in_range(wake_until_due(&now), 1, TORC__WHEEL_LEVELS + 1);
    assert_true(now == 5000 * TICK + 3);
    assert_ptr_equal(take_due(), &timer);
}

static void a_timer_that_is_due_can_be_removed(void **state)
{
    torc_timer timers[4] = { 0 };

    (void)state;
    torc__wheel_init(&wheel, 0);
    for (int i = 0; i < 4; i++)
        insert(&timers[i], (i + 1) * TICK);
    torc__wheel_advance(&wheel, 10 * TICK);
    torc__wheel_remove(&wheel, &timers[0]);
    torc__wheel_remove(&wheel, &timers[2]);
    assert_ptr_equal(take_due(), &timers[1]);
    assert_ptr_equal(take_due(), &timers[3]);
    assert_null(take_due());
}

static void time_that_goes_back_does_no_harm(void **state)
{
    torc_timer timers[2] = { 0 };

    (void)state;
    torc__wheel_init(&wheel, 1000 * TICK);
    insert(&timers[0], 2000 * TICK);
    insert(&timers[1], 1001 * TICK);
    torc__wheel_advance(&wheel, 500 * TICK);
    assert_null(wheel.due);
    torc__wheel_advance(&wheel, 2000 * TICK);
    assert_ptr_equal(take_due(), &timers[1]);
    assert_ptr_equal(take_due(), &timers[0]);
}

/* -- against a plain array ----------------------------------------------------------------- */

enum { MODEL_TIMERS = 400, MODEL_STEPS = 100000 };

static torc_timer model[MODEL_TIMERS];
static uint64_t random_state;

/* xorshift: the sequence must be the same on every machine. */
static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* As likely to be short as long, up to 2^`bits` ns. */
static torc_time random_delay(unsigned bits)
{
    return (torc_time)(random_number() & (((uint64_t)1 << (random_number() % bits)) - 1));
}

/* The armed timer that comes first; NULL when none is armed. */
static torc_timer *first_of_model(void)
{
    torc_timer *first = NULL;

    for (int i = 0; i < MODEL_TIMERS; i++) {
        torc_timer *timer = &model[i];

        if (timer->link == NULL)
            continue;
        if (first == NULL || timer->deadline < first->deadline ||
            (timer->deadline == first->deadline && timer->sequence < first->sequence))
            first = timer;
    }
    return first;
}

static void change_one(torc_time now, unsigned bits)
{
    torc_timer *timer = &model[random_number() % MODEL_TIMERS];

    if (timer->link == NULL)
        insert(timer, now + random_delay(bits));
    else if (random_number() % 2 == 0)
        torc__wheel_remove(&wheel, timer);
    else if (timer->deadline > now) {
        timer->deadline += random_delay(bits);
        timer->sequence = wheel.sequence++;
    }
}

/*
 * All that is due comes, in order, none early. They may be late together, by less than a tick,
 * where a slot holds more than the wheel looks at.
 */
static void check_due(torc_time now)
{
    torc_timer *expected;

    if (wheel.due == NULL) {
        expected = first_of_model();
        assert_true(expected == NULL || expected->deadline + TICK > now);
        return;
    }
    while (wheel.due != NULL) {
        expected = first_of_model();
        assert_ptr_equal(wheel.due, expected);
        assert_true(expected->deadline <= now);
        torc__wheel_remove(&wheel, expected);
    }
    expected = first_of_model();
    assert_true(expected == NULL || expected->deadline > now);
}

static void check_next(torc_time now)
{
    const torc_timer *first = first_of_model();
    torc_time next = torc__wheel_next(&wheel);

    if (first == NULL) {
        assert_true(next == TORC_NEVER);
        return;
    }
    assert_true(next <= first->deadline + TICK);
    if (wheel.due == NULL && first->deadline > now)
        assert_true(next > now);
}

static void run_model(unsigned bits)
{
    torc_time now = (torc_time)(random_number() >> 20);

    memset(model, 0, sizeof model);
    torc__wheel_init(&wheel, now);
    for (int step = 0; step < MODEL_STEPS; step++) {
        if (random_number() % 8 != 0) {
            change_one(now, bits);
            continue;
        }
        now = random_number() % 4 == 0 && torc__wheel_next(&wheel) != TORC_NEVER &&
                torc__wheel_next(&wheel) > now
            ? torc__wheel_next(&wheel)
            : now + random_delay(bits);
        torc__wheel_advance(&wheel, now);
        check_due(now);
        check_next(now);
    }
    for (int i = 0; i < MODEL_TIMERS; i++)
        if (model[i].link != NULL)
            torc__wheel_remove(&wheel, &model[i]);
    assert_int_equal(wheel.count, 0);
    for (int level = 0; level < TORC__WHEEL_LEVELS; level++)
        assert_true(wheel.used[level] == 0);
}

static void random_sequences_of_near_deadlines_agree_with_an_array(void **state)
{
    (void)state;
    random_state = 0x9e3779b97f4a7c15u;
    run_model(24);
}

static void random_sequences_of_all_deadlines_agree_with_an_array(void **state)
{
    (void)state;
    random_state = 0xd1b54a32d192ed03u;
    run_model(44);
}

/* The loop wakes for each timer, and for a few looks of the wheel; never without end. */
static void going_by_the_wheels_times_takes_few_wake_ups(void **state)
{
    torc_time now = 99 * TICK;
    int wakes_needed = 0;

    (void)state;
    random_state = 42;
    memset(model, 0, sizeof model);
    torc__wheel_init(&wheel, now);
    for (int i = 0; i < MODEL_TIMERS; i++)
        insert(&model[i], now + random_delay(40));
    while (wheel.count > 0) {
        torc_time next = torc__wheel_next(&wheel);

        assert_true(next > now || wakes_needed == 0);
        now = next;
        torc__wheel_advance(&wheel, now);
        while (take_due() != NULL)
            continue;
        wakes_needed++;
    }
    assert_in_range(wakes_needed, 1, MODEL_TIMERS * (TORC__WHEEL_LEVELS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_are_due_in_the_order_of_their_deadlines),
        cmocka_unit_test(equal_deadlines_are_due_in_the_order_of_setting),
        cmocka_unit_test(a_timer_is_due_at_its_deadline_and_not_a_nanosecond_before),
        cmocka_unit_test(the_first_of_a_far_slot_is_not_late_after_a_near_one),
        cmocka_unit_test(a_timer_whose_deadline_has_passed_is_due_at_once),
        cmocka_unit_test(a_far_deadline_costs_at_most_one_wake_up_a_level),
        cmocka_unit_test(a_deadline_beyond_all_levels_waits_and_never_comes),
        cmocka_unit_test(an_empty_wheel_never_wakes),
        cmocka_unit_test(a_timer_moved_later_in_place_is_due_at_the_later_time),
        cmocka_unit_test(a_timer_that_is_due_can_be_removed),
        cmocka_unit_test(time_that_goes_back_does_no_harm),
        cmocka_unit_test(random_sequences_of_near_deadlines_agree_with_an_array),
        cmocka_unit_test(random_sequences_of_all_deadlines_agree_with_an_array),
        cmocka_unit_test(going_by_the_wheels_times_takes_few_wake_ups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
