/*
 * Files of a few lines, read in one go: the loop stands still for as long as that takes, and only
 * when a file has changed.
 */
#include "names/text_file.h"

#include "base/memory.h"
#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static torc_slice read_whole(int descriptor, size_t size)
{
    char *text = torc__allocate(size);
    size_t length = 0;

    while (text != NULL && length < size) {
        ssize_t count = TORC__CALL(read, descriptor, text + length, size - length);

        if (count == 0)
            break;
        if (count > 0)
            length += (size_t)count;
        else if (errno != EINTR)
            return torc_slice_make(text, 0); /* half a file may say the opposite of the whole */
    }
    return torc_slice_make(text, length);
}

static torc_slice read_file(const char *path, size_t size)
{
    torc_slice text = torc_slice_make(NULL, 0);
    int descriptor = TORC__CALL(open, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (descriptor < 0)
        return text;
    text = read_whole(descriptor, size);
    close(descriptor);
    return text;
}

bool torc__text_file_changed(torc__text_file *file, size_t maximum, torc_slice *ret_text)
{
    struct stat now;
    bool is_first = !file->seen;

    memset(&now, 0, sizeof now);
    *ret_text = torc_slice_make(NULL, 0);
    file->seen = true;
    if (file->path[0] == '\0')
        return is_first;
    if (TORC__CALL(stat, file->path, &now) != 0 || !S_ISREG(now.st_mode))
        memset(&now, 0, sizeof now);
    if (!is_first && now.st_ino == file->inode && now.st_size == file->size
        && now.st_mtim.tv_sec == file->modified.tv_sec
        && now.st_mtim.tv_nsec == file->modified.tv_nsec)
        return false;
    file->inode = now.st_ino;
    file->size = now.st_size;
    file->modified = now.st_mtim;
    if (now.st_size > 0 && (size_t)now.st_size <= maximum)
        *ret_text = read_file(file->path, (size_t)now.st_size);
    return true;
}
