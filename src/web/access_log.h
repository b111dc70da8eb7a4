/*
 * access_log: how the server notes a request; the public half is in <torc/web.h>.
 */
#ifndef TORC_WEB_ACCESS_LOG_H
#define TORC_WEB_ACCESS_LOG_H

#include <torc/web.h>

/* Adds the line of a request whose answer is finished, or broke off. */
void torc__web_log_request(torc_web_log *log, const torc_web_request *request);

#endif /* TORC_WEB_ACCESS_LOG_H */
