/*
 * The arguments and the counter of the one-way programs; see one_way.h.
 */
#include "common/one_way.h"

#include "common/program.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

char one_way_bytes[ONE_WAY_SIZE_MAX];

/* A file that is mapped: counting costs a store, and whoever reads the file needs no answer. */
static volatile uint64_t *map_counter(const char *path)
{
    const int file = open(path, O_RDWR | O_CLOEXEC);
    void *memory = MAP_FAILED;

    if (file >= 0)
        memory = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        bench_fatal("cannot map %s", path);
    close(file);
    return memory;
}

one_way one_way_arguments(int argc, char **argv)
{
    one_way self = { 0 };

    if (argc != 5 || (strcmp(argv[1], "send") != 0 && strcmp(argv[1], "receive") != 0))
        bench_fatal("usage: %s send|receive PORT SIZE FILE", argv[0]);
    self.sends = strcmp(argv[1], "send") == 0;
    self.port = (uint16_t)bench_number("PORT", argv[2], 1, UINT16_MAX);
    self.size = bench_number("SIZE", argv[3], 1, ONE_WAY_SIZE_MAX);
    self.count = map_counter(argv[4]);
    memset(one_way_bytes, 'x', sizeof one_way_bytes);
    return self;
}
