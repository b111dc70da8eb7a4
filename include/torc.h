/*
 * Torc: an event-driven networking engine.
 *
 * This header is the whole core. A program makes a reactor, says what it listens on or connects
 * to, and which protocol each connection speaks; the reactor runs it.
 *
 *     #include <torc.h>
 *
 *     static void echo_data(torc_protocol *self, torc_slice data)
 *     {
 *         torc_write(self->transport, data);
 *     }
 *
 *     static const torc_protocol_class echo = { .name = "Echo", .data_received = echo_data };
 *
 *     int main(void)
 *     {
 *         torc_reactor *reactor = torc_reactor_new();
 *
 *         torc_listen(torc_root(reactor), "tcp:8000", torc_factory_of(&echo));
 *         return torc_run(reactor);
 *     }
 *
 * Read on, in this order: <torc/reactor.h>, <torc/protocol.h>, <torc/transport.h>,
 * <torc/endpoint.h> (and <torc/client.h>, staying connected), <torc/scope.h>, <torc/deferred.h>,
 * <torc/failure.h>, <torc/log.h>; then what stands on deferreds: <torc/gather.h>, waiting for many;
 * <torc/lock.h>, <torc/queue.h> and <torc/file_lock.h>; <torc/task.h>, what runs again and again,
 * later, or a little at a time; <torc/jobs.h>, many jobs, retries, rate limits; <torc/coroutine.h>,
 * code that waits where it stands; <torc/thread.h>, work beside the loop. What carries more than
 * connections: <torc/datagram.h>, <torc/process.h>, <torc/serial.h>, <torc/watch.h>; two
 * connections joined: <torc/couple.h>.
 * Apart from this: <torc/line.h> and <torc/frame.h>, protocols in lines and in frames;
 * <torc/stream.h>, connections of coroutines; <torc/names.h>, host names and the DNS;
 * <torc/tun.h>, a network device of one's own; <torc/driver.h>, for those who bring the reactor to
 * another system; <torc/web.h>, <torc/web_client.h>, <torc/tls.h>, <torc/glib.h> and
 * <torc/testing.h>, components of their own.
 */
#ifndef TORC_H
#define TORC_H

#include <torc/address.h>
#include <torc/buffer.h>
#include <torc/client.h>
#include <torc/coroutine.h>
#include <torc/couple.h>
#include <torc/datagram.h>
#include <torc/deferred.h>
#include <torc/endpoint.h>
#include <torc/endpoint_kind.h>
#include <torc/failure.h>
#include <torc/file_lock.h>
#include <torc/gather.h>
#include <torc/jobs.h>
#include <torc/lock.h>
#include <torc/log.h>
#include <torc/process.h>
#include <torc/protocol.h>
#include <torc/queue.h>
#include <torc/reactor.h>
#include <torc/result.h>
#include <torc/scope.h>
#include <torc/serial.h>
#include <torc/slice.h>
#include <torc/task.h>
#include <torc/thread.h>
#include <torc/time.h>
#include <torc/timer.h>
#include <torc/transport.h>
#include <torc/version.h>
#include <torc/watch.h>

#endif /* TORC_H */
