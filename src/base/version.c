/*
 * The version that the library was built as; a program's headers may be older.
 */
#include <torc/version.h>

const char *torc_version(void)
{
    return TORC_VERSION;
}
