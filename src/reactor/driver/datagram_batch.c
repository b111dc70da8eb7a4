/*
 * Messages in, datagrams out; datagrams in, messages out.
 *
 * Each message is received into a slot of its own, large enough for whatever the kernel may hand
 * over; memory that no datagram was ever long enough to reach is never touched, so the slots cost
 * address space rather than memory.
 */
#include "reactor/driver/datagram_batch.h"

#include "base/memory.h"
#include "base/socket_address.h"
#include "base/system_call.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

/* The longest message, and a line of the cache, so that slots do not all map to the same ones. */
#define SLOT_SIZE ((size_t)64 * 1024 + 64)
#define MESSAGE_MAX ((size_t)64 * 1024)

/* As messages of several datagrams go: only those that fit any path, and so long in all. */
#define SEGMENT_MAX  ((size_t)1452)
#define SEGMENTS_MAX ((size_t)60 * 1024)

/*
 * Messages of several datagrams are so much longer that fewer are received at a time. Most senders
 * send no such ones even to a socket that takes them, so what came last says what to expect.
 */
enum { COST_OF_SEVERAL = 4 };

#if defined(MSG_NOSIGNAL)
# define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#else
# define SEND_FLAGS MSG_DONTWAIT
#endif

#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__)
# define HAS_MULTIPLE 1
#else
# define HAS_MULTIPLE 0
#endif

torc__datagram_batch *torc__datagram_batch_new(void)
{
    torc__datagram_batch *batch = torc__allocate_zeroed(sizeof *batch);

    if (batch == NULL)
        return NULL;
    batch->one_by_one = !HAS_MULTIPLE;
    batch->slots = torc__allocate(TORC_DATAGRAMS_MAX * SLOT_SIZE);
    if (batch->slots != NULL)
        return batch;
    torc__free(batch);
    return NULL;
}

void torc__datagram_batch_free(torc__datagram_batch *batch)
{
    if (batch == NULL)
        return;
    torc__free(batch->slots);
    torc__free(batch);
}

static char *slot(const torc__datagram_batch *batch, size_t index)
{
    return batch->slots + index * SLOT_SIZE;
}

/* -- receiving ----------------------------------------------------------------------------- */

static void make_ready(torc__datagram_batch *batch, size_t index)
{
    torc__datagram_messages *messages = &batch->received;
    struct msghdr *header = &messages->headers[index].msg_hdr;
    bool control = batch->ready_control;

    messages->pieces[index].iov_base = slot(batch, index);
    messages->pieces[index].iov_len = batch->ready_size;
    header->msg_iov = &messages->pieces[index];
    header->msg_iovlen = 1;
    header->msg_name = &messages->names[index];
    header->msg_namelen = sizeof messages->names[index];
    header->msg_control = control ? &messages->controls[index] : NULL;
    header->msg_controllen = control ? sizeof messages->controls[index] : 0;
    header->msg_flags = 0;
}

/* Only those that are not so from the last time: most often a few come where many could. */
static void ready_to_receive(torc__datagram_batch *batch, size_t count, size_t size, bool control)
{
    if (batch->ready_size != size || batch->ready_control != control) {
        batch->ready_size = size;
        batch->ready_control = control;
        batch->ready = 0;
        batch->used = 0;
    }
    for (size_t i = 0; i < batch->used && i < batch->ready; i++)
        make_ready(batch, i);
    batch->used = 0;
    for (; batch->ready < count; batch->ready++)
        make_ready(batch, batch->ready);
}

static ssize_t receive_one_by_one(torc__datagram_batch *batch, int descriptor, size_t count)
{
    size_t got = 0;

    while (got < count) {
        struct mmsghdr *header = &batch->received.headers[got];
        ssize_t length = TORC__CALL(recvmsg, descriptor, &header->msg_hdr, MSG_DONTWAIT);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return got > 0 ? (ssize_t)got : -errno;
        header->msg_len = (unsigned int)length;
        got++;
    }
    return (ssize_t)got;
}

static ssize_t receive_messages(torc__datagram_batch *batch, int descriptor, size_t count)
{
#if HAS_MULTIPLE
    int got;

    if (batch->one_by_one)
        return receive_one_by_one(batch, descriptor, count);
    do
        got = TORC__CALL(recvmmsg, descriptor, batch->received.headers, (unsigned int)count,
            MSG_DONTWAIT, NULL);
    while (got < 0 && errno == EINTR);
    if (got >= 0 || errno != ENOSYS)
        return got >= 0 ? got : -errno;
    batch->one_by_one = true;
#endif
    return receive_one_by_one(batch, descriptor, count);
}

/* One byte more than is taken shows what is truncated. */
static ssize_t receive_packets(torc__datagram_batch *batch, int descriptor, size_t count)
{
    size_t size = batch->size_max + 1 < MESSAGE_MAX ? batch->size_max + 1 : MESSAGE_MAX;
    size_t got = 0;

    while (got < count) {
        struct mmsghdr *header = &batch->received.headers[got];
        ssize_t length = TORC__CALL(read, descriptor, slot(batch, got), size);

        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0 && got > 0)
            break;
        if (length <= 0)
            return length < 0 ? -errno : -ENODEV;
        header->msg_len = (unsigned int)length;
        header->msg_hdr.msg_namelen = 0;
        header->msg_hdr.msg_controllen = 0;
        header->msg_hdr.msg_flags = 0;
        got++;
    }
    return (ssize_t)got;
}

/* The size of a message's datagrams but the last; 0: it is a datagram. */
static size_t segment_size(const struct msghdr *header)
{
#if defined(UDP_GRO)
    const struct cmsghdr *control = CMSG_FIRSTHDR((struct msghdr *)(uintptr_t)header);
    int size = 0;

    if (control == NULL || control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO)
        return 0;
    memcpy(&size, CMSG_DATA(control), sizeof size);
    return size > 0 ? (size_t)size : 0;
#else
    (void)header;
    return 0;
#endif
}

static bool any_holds_several(const torc__datagram_batch *batch)
{
    for (size_t i = 0; i < batch->messages; i++)
        if (segment_size(&batch->received.headers[i].msg_hdr) > 0)
            return true;
    return false;
}

static ssize_t receive_from_socket(
    torc__datagram_batch *batch, int descriptor, bool coalesced, size_t *budget)
{
    size_t cost = coalesced && batch->holds_several ? COST_OF_SEVERAL : 1;
    size_t count = *budget / cost > 0 ? *budget / cost : 1;
    ssize_t got;

    ready_to_receive(batch, count, coalesced ? MESSAGE_MAX : batch->size_max, coalesced);
    got = receive_messages(batch, descriptor, count);
    batch->messages = got > 0 ? (size_t)got : 0;
    *budget -= batch->messages * cost < *budget ? batch->messages * cost : *budget;
    if (got > 0)
        batch->holds_several = coalesced && any_holds_several(batch);
    return got;
}

ssize_t torc__datagram_batch_receive(torc__datagram_batch *batch, int descriptor, size_t size_max,
    torc__datagram_kind kind, size_t *budget)
{
    ssize_t got;

    batch->size_max = size_max;
    batch->next = 0;
    batch->offset = 0;
    batch->messages = 0;
    if (kind == TORC__DATAGRAMS_DEVICE) {
        got = receive_packets(batch, descriptor, *budget);
        batch->messages = got > 0 ? (size_t)got : 0;
        *budget -= batch->messages;
    } else {
        got = receive_from_socket(batch, descriptor, kind == TORC__DATAGRAMS_COALESCED, budget);
    }
    if (batch->used < batch->messages)
        batch->used = batch->messages;
    return got;
}

/* The datagram at `offset` of a message, of which *ret_length is taken from the message. */
static void take_datagram(const torc__datagram_batch *batch, const struct mmsghdr *message,
    size_t index, torc_datagram *ret_datagram, size_t *ret_length)
{
    size_t length = message->msg_len - batch->offset;
    size_t segment = segment_size(&message->msg_hdr);
    size_t told;

    if (segment > 0 && segment < length)
        length = segment;
    told = length < batch->size_max ? length : batch->size_max;
    ret_datagram->bytes = torc_slice_make(slot(batch, index) + batch->offset, told);
    ret_datagram->truncated = told < length || (message->msg_hdr.msg_flags & MSG_TRUNC) != 0;
    *ret_length = length;
}

size_t torc__datagram_batch_next(torc__datagram_batch *batch)
{
    size_t count = 0;

    while (count < TORC_DATAGRAMS_MAX && batch->next < batch->messages) {
        const struct mmsghdr *message = &batch->received.headers[batch->next];
        torc_datagram *datagram = &batch->datagrams[count];
        size_t length;

        take_datagram(batch, message, batch->next, datagram, &length);
        if (batch->offset > 0 && count > 0)
            datagram->peer = datagram[-1].peer;
        else
            torc__address_from_sockaddr(&datagram->peer,
                (const struct sockaddr *)&batch->received.names[batch->next],
                message->msg_hdr.msg_namelen);
        count++;
        batch->offset += length;
        if (batch->offset >= message->msg_len) {
            batch->next++;
            batch->offset = 0;
        }
    }
    return count;
}

/* -- sending ------------------------------------------------------------------------------- */

static bool is_same_peer(const torc_address *one, const torc_address *other)
{
    if (one->kind != other->kind || one->port != other->port || one->scope_id != other->scope_id
        || memcmp(one->ip, other->ip, sizeof one->ip) != 0)
        return false;
    return one->kind != TORC_ADDRESS_UNIX || strcmp(one->path, other->path) == 0;
}

/* How many of the list, from the first on, can go as one message. */
static size_t count_segments(const torc_datagram *list, size_t count)
{
    size_t size = list[0].bytes.length;
    size_t total = size;
    size_t taken = 1;

    if (size == 0 || size > SEGMENT_MAX)
        return 1;
    while (taken < count && is_same_peer(&list[0].peer, &list[taken].peer)) {
        size_t length = list[taken].bytes.length;

        if (length == 0 || length > size || total + length > SEGMENTS_MAX)
            break;
        total += length;
        taken++;
        if (length < size)
            break;
    }
    return taken;
}

/* 0, or a negative errno. */
static int address_message(
    torc__datagram_batch *batch, size_t index, const torc_datagram *list, size_t at)
{
    torc__datagram_messages *messages = &batch->sent;
    struct msghdr *header = &messages->headers[index].msg_hdr;
    socklen_t length = 0;
    int error;

    if (list[at].peer.kind == TORC_ADDRESS_NONE) {
        header->msg_name = NULL;
        header->msg_namelen = 0;
        return 0;
    }
    if (index > 0 && is_same_peer(&list[at].peer, &list[at - 1].peer)) {
        header->msg_name = messages->headers[index - 1].msg_hdr.msg_name;
        header->msg_namelen = messages->headers[index - 1].msg_hdr.msg_namelen;
        return 0;
    }
    error = torc__address_to_sockaddr(&list[at].peer, &messages->names[index], &length);
    header->msg_name = &messages->names[index];
    header->msg_namelen = length;
    return error;
}

static void note_segments(torc__datagram_batch *batch, size_t index, size_t size, size_t count)
{
    struct msghdr *header = &batch->sent.headers[index].msg_hdr;

    header->msg_control = NULL;
    header->msg_controllen = 0;
#if defined(UDP_SEGMENT)
    if (count > 1) {
        uint16_t segment = (uint16_t)size;
        struct cmsghdr *control = &batch->sent.controls[index].aligned;

        header->msg_control = control;
        header->msg_controllen = CMSG_SPACE(sizeof segment);
        control->cmsg_level = IPPROTO_UDP;
        control->cmsg_type = UDP_SEGMENT;
        control->cmsg_len = CMSG_LEN(sizeof segment);
        memcpy(CMSG_DATA(control), &segment, sizeof segment);
    }
#else
    (void)size;
    (void)count;
#endif
}

/* How many messages the list makes; -errno where not even the first can be addressed. */
static ssize_t fill_messages(
    torc__datagram_batch *batch, const torc_datagram *list, size_t count, bool segments)
{
    torc__datagram_messages *messages = &batch->sent;
    size_t made = 0;

    for (size_t at = 0; at < count; made++) {
        struct msghdr *header = &messages->headers[made].msg_hdr;
        size_t taken = segments ? count_segments(list + at, count - at) : 1;
        int error = address_message(batch, made, list, at);

        if (error != 0)
            return made > 0 ? (ssize_t)made : error;
        for (size_t i = at; i < at + taken; i++) {
            messages->pieces[i].iov_base = (void *)(uintptr_t)list[i].bytes.data;
            messages->pieces[i].iov_len = list[i].bytes.length;
        }
        header->msg_iov = &messages->pieces[at];
        header->msg_iovlen = taken;
        header->msg_flags = 0;
        note_segments(batch, made, list[at].bytes.length, taken);
        batch->counts[made] = taken;
        at += taken;
    }
    return (ssize_t)made;
}

static ssize_t send_one_by_one(torc__datagram_batch *batch, int descriptor, size_t count)
{
    size_t sent = 0;

    while (sent < count) {
        ssize_t length = TORC__CALL(
            sendmsg, descriptor, &batch->sent.headers[sent].msg_hdr, SEND_FLAGS);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return sent > 0 ? (ssize_t)sent : -errno;
        sent++;
    }
    return (ssize_t)sent;
}

static ssize_t send_messages(torc__datagram_batch *batch, int descriptor, size_t count)
{
#if HAS_MULTIPLE
    int sent;

    if (batch->one_by_one || count == 1)
        return send_one_by_one(batch, descriptor, count);
    do
        sent = TORC__CALL(
            sendmmsg, descriptor, batch->sent.headers, (unsigned int)count, SEND_FLAGS);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0 || errno != ENOSYS)
        return sent >= 0 ? sent : -errno;
    batch->one_by_one = true;
#endif
    return send_one_by_one(batch, descriptor, count);
}

/*
 * Whether the kernel, the device or the path may have refused a message only because it holds
 * several datagrams.
 */
static bool may_be_of_segments(torc__datagram_batch *batch, ssize_t error)
{
    if (error == -EIO || error == -EOPNOTSUPP || error == -ENOPROTOOPT)
        batch->no_segments = true;
    return batch->no_segments || error == -EINVAL || error == -EMSGSIZE;
}

static ssize_t send_list(torc__datagram_batch *batch, int descriptor, const torc_datagram *list,
    size_t count, bool segments)
{
    ssize_t messages = fill_messages(batch, list, count, segments);
    ssize_t sent = messages > 0 ? send_messages(batch, descriptor, (size_t)messages) : messages;
    ssize_t datagrams = 0;

    if (sent < 0 && segments && batch->counts[0] > 1 && may_be_of_segments(batch, sent))
        return send_list(batch, descriptor, list, batch->counts[0], false);
    if (sent < 0)
        return sent;
    for (ssize_t i = 0; i < sent; i++)
        datagrams += (ssize_t)batch->counts[i];
    return datagrams;
}

static ssize_t send_packets(int descriptor, const torc_datagram *list, size_t count)
{
    size_t sent = 0;

    while (sent < count) {
        ssize_t length = TORC__CALL(
            write, descriptor, list[sent].bytes.data, list[sent].bytes.length);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return sent > 0 ? (ssize_t)sent : -errno;
        sent++;
    }
    return (ssize_t)sent;
}

ssize_t torc__datagram_batch_send(torc__datagram_batch *batch, int descriptor,
    const torc_datagram *list, size_t count, torc__datagram_kind kind)
{
    bool segments = kind == TORC__DATAGRAMS_COALESCED && !batch->no_segments;

    if (count > TORC_DATAGRAMS_MAX)
        count = TORC_DATAGRAMS_MAX;
    if (kind == TORC__DATAGRAMS_DEVICE)
        return send_packets(descriptor, list, count);
    return send_list(batch, descriptor, list, count, segments);
}
