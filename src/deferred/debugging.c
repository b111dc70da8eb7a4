/*
 * Where a deferred was made, and where it was fired or cancelled, for who looks for a mistake.
 *
 * What is kept are addresses; they get their names when a message is written, which is rare. The
 * frames of the library's own entry are left out: a trace begins where the program, or the part of
 * the library that works for it, made the call. Where the system cannot walk its stack nothing is
 * kept, and messages are as without.
 */
#include "deferred/deferred.h"

#include "base/memory.h"
#include "base/text_writer.h"

#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
# if __has_include(<execinfo.h>) && __has_include(<dlfcn.h>)
#  include <dlfcn.h>
#  include <execinfo.h>
#  define HAS_BACKTRACE 1
# endif
#endif

enum {
    FRAMES_MAX = 8,       /* kept */
    FRAMES_SEEN = 8 + 16, /* looked through for the caller */
};

struct torc__trace {
    int made_count;
    int ended_count;
    bool cancelled; /* what ended it: cancelled, or fired */
    void *made[FRAMES_MAX];
    void *ended[FRAMES_MAX];
};

atomic_bool torc__deferred_debugging;

/* -- keeping ------------------------------------------------------------------------------- */

/* The frames from `caller` on outwards, or all where it is not among them. */
static int walk(void *frames[FRAMES_MAX], const void *caller)
{
#ifdef HAS_BACKTRACE
    void *seen[FRAMES_SEEN];
    int count = backtrace(seen, FRAMES_SEEN);
    int first = 0;

    while (first < count && seen[first] != caller)
        first++;
    if (first == count)
        first = 0;
    count = count - first < FRAMES_MAX ? count - first : FRAMES_MAX;
    memcpy(frames, seen + first, (size_t)count * sizeof frames[0]);
    return count;
#else
    (void)frames;
    (void)caller;
    return 0;
#endif
}

void torc__trace_made(torc_deferred *deferred, const void *caller)
{
    struct torc__trace *trace = torc__allocate_zeroed(sizeof *trace);

    if (trace == NULL)
        return;
    trace->made_count = walk(trace->made, caller);
    deferred->trace = trace;
    deferred->state.traced = true;
}

static void note_end(torc_deferred *deferred, const void *caller, bool cancelled)
{
    struct torc__trace *trace = deferred->trace;

    /* What was asked first is what counts: a canceller may fire. */
    if (trace->ended_count > 0)
        return;
    trace->ended_count = walk(trace->ended, caller);
    trace->cancelled = cancelled;
}

void torc__trace_fired(torc_deferred *deferred, const void *caller)
{
    note_end(deferred, caller, false);
}

void torc__trace_cancelled(torc_deferred *deferred, const void *caller)
{
    note_end(deferred, caller, true);
}

/* -- telling ------------------------------------------------------------------------------- */

static void tell_frame(torc__text_writer *writer, void *frame)
{
#ifdef HAS_BACKTRACE
    /* What stands in a frame is where it goes on: the call is before that. */
    const char *address = (const char *)frame - 1;
    const char *file;
    Dl_info info;

    if (dladdr(address, &info) == 0 || info.dli_fname == NULL) {
        torc__text_printf(writer, "%p", frame);
        return;
    }
    file = strrchr(info.dli_fname, '/');
    file = file != NULL ? file + 1 : info.dli_fname;
    if (info.dli_sname != NULL)
        torc__text_printf(writer, "%s+0x%zx (", info.dli_sname,
            (size_t)(address - (const char *)info.dli_saddr));
    torc__text_printf(writer, "%s+0x%zx%s", file, (size_t)(address - (const char *)info.dli_fbase),
        info.dli_sname != NULL ? ")" : "");
#else
    (void)writer;
    (void)frame;
#endif
}

static void tell(torc__text_writer *writer, const char *what, void *const *frames, int count)
{
    for (int i = 0; i < count; i++) {
        torc__text_printf(writer, "%s", i == 0 ? what : ", called by ");
        tell_frame(writer, frames[i]);
    }
}

void torc__trace_describe(const torc_deferred *deferred, char *text, size_t size)
{
    const struct torc__trace *trace;
    torc__text_writer writer;

    torc__text_writer_init(&writer, text, size);
    if (deferred->state.traced) {
        trace = deferred->trace;
        tell(&writer, "; made in ", trace->made, trace->made_count);
        tell(&writer, trace->cancelled ? "; cancelled in " : "; fired in ", trace->ended,
            trace->ended_count);
    }
    (void)torc__text_finish(&writer);
}

void torc__trace_describe_making(const torc_deferred *deferred, char *text, size_t size)
{
    torc__text_writer writer;

    torc__text_writer_init(&writer, text, size);
    if (deferred->state.traced && deferred->trace->made_count > 0)
        tell(&writer, ", made in ", deferred->trace->made, 1);
    (void)torc__text_finish(&writer);
}

/* -- switching ----------------------------------------------------------------------------- */

void torc_set_deferred_debugging(bool on)
{
    void *frames[FRAMES_MAX];

    /* The first walk loads what it needs, which had better not happen when memory is out. */
    if (on)
        (void)walk(frames, NULL);
    atomic_store_explicit(&torc__deferred_debugging, on, memory_order_relaxed);
}

void torc__deferred_debugging_from_environment(void)
{
    static atomic_flag read_before = ATOMIC_FLAG_INIT;
    const char *wanted;
    size_t length;

    if (atomic_flag_test_and_set(&read_before))
        return;
    wanted = getenv("TORC_DEBUG");
    for (; wanted != NULL && *wanted != '\0'; wanted += length + (wanted[length] == ',')) {
        length = strcspn(wanted, ",");
        if (length == strlen("deferreds") && memcmp(wanted, "deferreds", length) == 0)
            torc_set_deferred_debugging(true);
    }
}
