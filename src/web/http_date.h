/*
 * http_date: dates as HTTP writes them (RFC 9110 5.6.7), to and from seconds since 1970.
 *
 * Neither the locale nor the time zone of the process is looked at.
 */
#ifndef TORC_WEB_HTTP_DATE_H
#define TORC_WEB_HTTP_DATE_H

#include <torc/slice.h>

#define TORC__HTTP_DATE_LENGTH 29

/*
 * Writes as "Sun, 06 Nov 1994 08:49:37 GMT", then a NUL. Times outside the years 1 to 9999, which
 * the format cannot say, become the nearest that it can.
 */
void torc__http_date_format(int64_t seconds, char text[TORC__HTTP_DATE_LENGTH + 1]);

/*
 * Reads any of the three formats that RFC 9110 asks a recipient to take; false for anything else.
 * `now` (seconds) tells the century of a two-digit year: the latest that is not 50 years ahead of
 * it.
 */
bool torc__http_date_parse(torc_slice text, int64_t now, int64_t *ret_seconds);

#endif /* TORC_WEB_HTTP_DATE_H */
