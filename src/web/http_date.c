/*
 * Dates of HTTP. The calendar is reckoned here rather than by the C library, whose functions know
 * locales and time zones and are not the same everywhere.
 */
#include "web/http_date.h"

typedef struct date {
    int64_t year;
    unsigned month; /* 0 to 11 */
    unsigned day;   /* from 1 */
    unsigned hour;
    unsigned minute;
    unsigned second;
} date;

enum { SECONDS_A_DAY = 86400, DAYS_BEFORE_1970 = 719162 };

static const char *const month_names[12] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

static const char *const day_names[7] = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
};

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 1 && is_leap(year) ? 29 : days[month];
}

/* From the first day of the year 1 to that of `year`. */
static int64_t days_before_year(int64_t year)
{
    int64_t past = year - 1;

    return past * 365 + past / 4 - past / 100 + past / 400;
}

static int64_t seconds_of(const date *value)
{
    int64_t days = days_before_year(value->year) - DAYS_BEFORE_1970 + value->day - 1;

    for (unsigned month = 0; month < value->month; month++)
        days += days_in_month(value->year, month);
    return days * SECONDS_A_DAY + value->hour * 3600 + value->minute * 60 + value->second;
}

/* `days` is since the first day of the year 1. */
static date date_of(int64_t days, unsigned second_of_day)
{
    date value = { .hour = second_of_day / 3600, .minute = second_of_day / 60 % 60,
        .second = second_of_day % 60 };

    /* A year is never longer than 366 days, so this is at most a few years early. */
    value.year = days / 366 + 1;
    value.year += (days - days_before_year(value.year)) / 366;
    while (days_before_year(value.year + 1) <= days)
        value.year++;
    days -= days_before_year(value.year);
    while (days >= days_in_month(value.year, value.month))
        days -= days_in_month(value.year, value.month++);
    value.day = (unsigned)days + 1;
    return value;
}

static char *put_digits(char *out, unsigned number, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return out + digits;
}

static char *put_text(char *out, const char *text, size_t length)
{
    memcpy(out, text, length);
    return out + length;
}

static int64_t clamp(int64_t seconds)
{
    const int64_t first = -(int64_t)DAYS_BEFORE_1970 * SECONDS_A_DAY;
    const int64_t last = (days_before_year(10000) - DAYS_BEFORE_1970) * SECONDS_A_DAY - 1;

    if (seconds < first)
        return first;
    return seconds > last ? last : seconds;
}

/* The date and its day of the week, of which Monday is 0: the year 1 began on one. */
static date split(int64_t seconds, unsigned *ret_week_day)
{
    int64_t since_year_1 = clamp(seconds) + (int64_t)DAYS_BEFORE_1970 * SECONDS_A_DAY;
    int64_t days = since_year_1 / SECONDS_A_DAY;

    *ret_week_day = (unsigned)(days % 7);
    return date_of(days, (unsigned)(since_year_1 % SECONDS_A_DAY));
}

void torc__http_date_format(int64_t seconds, char text[TORC__HTTP_DATE_LENGTH + 1])
{
    unsigned week_day;
    date value = split(seconds, &week_day);
    char *out = text;

    out = put_text(out, day_names[week_day], 3);
    out = put_text(out, ", ", 2);
    out = put_digits(out, value.day, 2);
    *out++ = ' ';
    out = put_text(out, month_names[value.month], 3);
    *out++ = ' ';
    out = put_digits(out, (unsigned)value.year, 4);
    *out++ = ' ';
    out = put_digits(out, value.hour, 2);
    *out++ = ':';
    out = put_digits(out, value.minute, 2);
    *out++ = ':';
    out = put_digits(out, value.second, 2);
    memcpy(out, " GMT", 5);
}

static bool take_digits(torc_slice *text, size_t digits, unsigned *ret_number)
{
    uint64_t number;

    if (text->length < digits ||
        !torc_slice_to_number(torc_slice_first(*text, digits), 9999, &number))
        return false;
    *ret_number = (unsigned)number;
    *text = torc_slice_skip(*text, digits);
    return true;
}

static bool take_month(torc_slice *text, unsigned *ret_month)
{
    for (unsigned month = 0; month < 12; month++) {
        if (torc_slice_starts_with(*text, torc_slice_make(month_names[month], 3))) {
            *text = torc_slice_skip(*text, 3);
            *ret_month = month;
            return true;
        }
    }
    return false;
}

/* The name says nothing that the date does not: it need not be the right one. */
static bool take_week_day(torc_slice *text, bool whole)
{
    for (size_t day = 0; day < 7; day++) {
        torc_slice name = torc_slice_of(day_names[day]);

        if (!whole)
            name = torc_slice_first(name, 3);
        if (torc_slice_starts_with(*text, name)) {
            *text = torc_slice_skip(*text, name.length);
            return true;
        }
    }
    return false;
}

/* The latest year that ends in these two digits and is at most 50 years after `now`. */
static int64_t whole_year(unsigned two_digits, int64_t now)
{
    unsigned week_day;
    int64_t latest = split(now, &week_day).year + 50;

    return latest - (latest - two_digits % 100 + 100) % 100;
}

static bool take_year(torc_slice *text, size_t digits, int64_t now, int64_t *ret_year)
{
    unsigned year;

    if (!take_digits(text, digits, &year))
        return false;
    *ret_year = digits == 2 ? whole_year(year, now) : (int64_t)year;
    return *ret_year > 0;
}

/* The day of asctime: a space in place of a leading zero. */
static bool take_padded_day(torc_slice *text, unsigned *ret_day)
{
    if (text->length == 0 || text->data[0] != ' ')
        return take_digits(text, 2, ret_day);
    *text = torc_slice_skip(*text, 1);
    return take_digits(text, 1, ret_day);
}

static bool take_part(torc_slice *text, char part, int64_t now, date *value)
{
    switch (part) {
    case 'w':
        return take_week_day(text, false);
    case 'W':
        return take_week_day(text, true);
    case 'd':
        return take_digits(text, 2, &value->day);
    case 'D':
        return take_padded_day(text, &value->day);
    case 'n':
        return take_month(text, &value->month);
    case 'y':
        return take_year(text, 2, now, &value->year);
    case 'Y':
        return take_year(text, 4, now, &value->year);
    case 'h':
        return take_digits(text, 2, &value->hour);
    case 'm':
        return take_digits(text, 2, &value->minute);
    default:
        return take_digits(text, 2, &value->second);
    }
}

static bool match(torc_slice text, const char *pattern, int64_t now, date *value)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '%') {
            if (!take_part(&text, *++pattern, now, value))
                return false;
            continue;
        }
        if (text.length == 0 || text.data[0] != *pattern)
            return false;
        text = torc_slice_skip(text, 1);
    }
    return text.length == 0;
}

bool torc__http_date_parse(torc_slice text, int64_t now, int64_t *ret_seconds)
{
    static const char *const patterns[] = {
        "%w, %d %n %Y %h:%m:%s GMT",
        "%W, %d-%n-%y %h:%m:%s GMT",
        "%w %n %D %h:%m:%s %Y",
    };
    date value;

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (!match(text, patterns[i], now, &value))
            continue;
        /* A second of 60 is a leap second. */
        if (value.day == 0 || value.day > days_in_month(value.year, value.month) ||
            value.hour > 23 || value.minute > 59 || value.second > 60)
            return false;
        *ret_seconds = seconds_of(&value);
        return true;
    }
    return false;
}
