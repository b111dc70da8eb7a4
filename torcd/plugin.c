/*
 * The table of plugins. A new plugin adds its file under plugins/ and its two lines here.
 */
#include "torcd/plugin.h"

#include <string.h>

extern const torcd_plugin torcd_plugin_web;

const torcd_plugin *const torcd_plugins[] = {
    &torcd_plugin_web,
    NULL,
};

const torcd_plugin *torcd_plugin_named(const char *name)
{
    for (const torcd_plugin *const *plugin = torcd_plugins; *plugin != NULL; plugin++) {
        if (strcmp((*plugin)->name, name) == 0)
            return *plugin;
    }
    return NULL;
}
