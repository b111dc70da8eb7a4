/*
 * Status codes: those of RFC 9110, and of RFC 4918, 5842, 6585, 7538, 7725, 8297 and 8470 beside
 * it.
 */
#include "web/http_status.h"

#define STATUSES(USE) \
    USE(100, "Continue") \
    USE(101, "Switching Protocols") \
    USE(102, "Processing") \
    USE(103, "Early Hints") \
    USE(200, "OK") \
    USE(201, "Created") \
    USE(202, "Accepted") \
    USE(203, "Non-Authoritative Information") \
    USE(204, "No Content") \
    USE(205, "Reset Content") \
    USE(206, "Partial Content") \
    USE(207, "Multi-Status") \
    USE(208, "Already Reported") \
    USE(300, "Multiple Choices") \
    USE(301, "Moved Permanently") \
    USE(302, "Found") \
    USE(303, "See Other") \
    USE(304, "Not Modified") \
    USE(305, "Use Proxy") \
    USE(307, "Temporary Redirect") \
    USE(308, "Permanent Redirect") \
    USE(400, "Bad Request") \
    USE(401, "Unauthorized") \
    USE(402, "Payment Required") \
    USE(403, "Forbidden") \
    USE(404, "Not Found") \
    USE(405, "Method Not Allowed") \
    USE(406, "Not Acceptable") \
    USE(407, "Proxy Authentication Required") \
    USE(408, "Request Timeout") \
    USE(409, "Conflict") \
    USE(410, "Gone") \
    USE(411, "Length Required") \
    USE(412, "Precondition Failed") \
    USE(413, "Content Too Large") \
    USE(414, "URI Too Long") \
    USE(415, "Unsupported Media Type") \
    USE(416, "Range Not Satisfiable") \
    USE(417, "Expectation Failed") \
    USE(421, "Misdirected Request") \
    USE(422, "Unprocessable Content") \
    USE(423, "Locked") \
    USE(424, "Failed Dependency") \
    USE(425, "Too Early") \
    USE(426, "Upgrade Required") \
    USE(428, "Precondition Required") \
    USE(429, "Too Many Requests") \
    USE(431, "Request Header Fields Too Large") \
    USE(451, "Unavailable For Legal Reasons") \
    USE(500, "Internal Server Error") \
    USE(501, "Not Implemented") \
    USE(502, "Bad Gateway") \
    USE(503, "Service Unavailable") \
    USE(504, "Gateway Timeout") \
    USE(505, "HTTP Version Not Supported") \
    USE(507, "Insufficient Storage") \
    USE(508, "Loop Detected") \
    USE(511, "Network Authentication Required")

torc_slice torc__http_status_reason(int status)
{
    switch (status) {
#define REASON(code, reason) \
    case code: \
        return TORC_SLICE(reason);
        STATUSES(REASON)
#undef REASON
    default:
        return TORC_SLICE("Unknown");
    }
}

torc_slice torc__http_status_line(int status)
{
    switch (status) {
#define LINE(code, reason) \
    case code: \
        return TORC_SLICE("HTTP/1.1 " #code " " reason "\r\n");
        STATUSES(LINE)
#undef LINE
    default:
        return TORC_SLICE("HTTP/1.1 500 Internal Server Error\r\n");
    }
}
