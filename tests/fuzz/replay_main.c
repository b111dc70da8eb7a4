/*
 * replay_main: gives every seed of a fuzz target to it once, with an ordinary compiler.
 *
 * Linked with one NAME_fuzz.c in place of libFuzzer's main, so that each input that was once found
 * interesting stays a test of every build. The arguments are files, or folders of which every
 * file is taken. Each input stands in a block of exactly its own size, so that a read past its end
 * is seen by AddressSanitizer and by valgrind. The empty input is always tried first.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs;

static void fail(const char *path, const char *what)
{
    fprintf(stderr, "%s: ", path);
    perror(what);
    exit(1);
}

static void replay_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size != 0 ? size : 1);
    FILE *file = fopen(path, "rb");

    if (data == NULL)
        fail(path, "cannot hold");
    if (file == NULL)
        fail(path, "cannot open");
    if (fread(data, 1, size, file) != size)
        fail(path, "cannot read");
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
}

static void replay(const char *path);

static void replay_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);

    if (count < 0)
        fail(path, "cannot list");
    for (int i = 0; i < count; i++) {
        size_t length = strlen(path) + strlen(entries[i]->d_name) + 2;
        char *entry = malloc(length);

        if (entry == NULL)
            fail(path, "cannot list");
        snprintf(entry, length, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            replay(entry);
        free(entry);
        free(entries[i]);
    }
    free(entries);
}

static void replay(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        fail(path, "cannot find");
    if (S_ISDIR(status.st_mode))
        replay_folder(path);
    else
        replay_file(path, (size_t)status.st_size);
}

int main(int argc, char **argv)
{
    uint8_t nothing = 0;

    LLVMFuzzerTestOneInput(&nothing, 0);
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%lu inputs replayed\n", inputs);
    if (inputs == 0) {
        fprintf(stderr, "no seed was found: a target without seeds tests nothing\n");
        return 1;
    }
    return 0;
}
