/*
 * http_status: the status codes of HTTP and their phrases.
 */
#ifndef TORC_WEB_HTTP_STATUS_H
#define TORC_WEB_HTTP_STATUS_H

#include <torc/slice.h>

/* "Not Found" for 404; "Unknown" for what no standard names. Static. */
torc_slice torc__http_status_reason(int status);

/*
 * The whole line, "HTTP/1.1 404 Not Found\r\n". Static. For a code that no standard names, the
 * line of 500: a server sends none such.
 */
torc_slice torc__http_status_line(int status);

#endif /* TORC_WEB_HTTP_STATUS_H */
